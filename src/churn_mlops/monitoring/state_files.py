"""The files that the state is read from, as far as it is published."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from churn_mlops.errors import PublishError

Status = Literal["OK", "WARN", "FAIL"]


class File(BaseModel):
    """A part of a file; nobody here needs what else stands there."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Calendar(File):
    """First and last day of the log."""

    last_day: date


class CheckedTable(File):
    """What the gate found in a table."""

    rows_in: int
    rows_ok: int
    rows_quarantined: int
    quarantine_share: float
    checks: dict[str, int] = {}


class Validation(File):
    """validation/report.json."""

    status: str = "passed"
    calendar: Calendar
    tables: dict[str, CheckedTable]


class Finding(File):
    """A finding of the drift check."""

    check: str
    level: str
    column: str | None = None
    text: str = ""
    upstream: bool = False


class DriftedColumn(File):
    """A column, ranked."""

    column: str
    psi: float | None


class DriftedRisk(File):
    """The risks."""

    psi: float | None


class Joint(File):
    """All columns together."""

    roc_auc: float | None


class Drift(File):
    """monitoring/drift_latest.json."""

    as_of_date: date
    status: Status
    users: int
    headline: str = ""
    model_version: str = ""
    findings: tuple[Finding, ...]
    columns: tuple[DriftedColumn, ...]
    risk: DriftedRisk | None
    joint: Joint | None


class Scores(File):
    """monitoring/score_proxy_latest.json."""

    as_of_date: date
    status: Status
    users: int
    contacts: int
    risk_mean: float | None
    risk_quantiles: dict[str, float | None]
    high_risk_share: float | None
    risk_psi: float | None


class Estimate(File):
    """A metric with its interval."""

    value: float | None
    low: float | None
    high: float | None


class Realised(File):
    """A metric when the labels are known, and the low end of what was promised."""

    value: float | None
    low: float | None = None


class RealisedBatch(File):
    """The newest batch whose labels are known."""

    as_of_date: date
    pr_auc: Realised | None = None
    roc_auc: Realised | None = None


class Promises(File):
    """How often an estimate's interval held the realised value, and for how long it has not."""

    batches: int
    kept: int
    below_days: int = 0


class Performance(File):
    """monitoring/performance_latest.json."""

    as_of_date: date
    status: Status = "OK"
    estimated: dict[str, Estimate]
    realised: RealisedBatch | None
    floors: dict[str, float | None]
    realised_floors: dict[str, float | None] | None = None
    window_days: int | None = None
    promises: dict[str, Promises]


class Precondition(File):
    """A precondition of training."""

    check: str
    passed: bool
    binding: bool


class Retrained(File):
    """monitoring/retrain_latest.json."""

    as_of_date: date
    action: Literal["nothing", "wait", "retrain"]
    checks: tuple[Precondition, ...]
    waiting_since: date | None


Kind = TypeVar("Kind", bound=File)


def read(path: Path, kind: type[Kind], command: str) -> Kind | None:
    """Read a file; None when there is none.

    Parameters
    ----------
    path : Path
    kind : subclass of File
    command : str
        Writes it.

    Raises
    ------
    PublishError
        It cannot be read, or does not hold what it should.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PublishError(
            f"{path} cannot be read: {error.strerror or error}", fix="see to its rights"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PublishError(
            f"{path} is damaged: {f'{place}: ' if place else ''}{first['msg']}",
            fix=f"write it anew: `{command}`",
        ) from error
