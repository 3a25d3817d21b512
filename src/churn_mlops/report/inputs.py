"""Reads everything that the report shows; what is not there is None."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from churn_mlops.errors import BundleError, ContractError
from churn_mlops.inference.ranking import latest
from churn_mlops.params import Params
from churn_mlops.registry.bundle import load_bundle
from churn_mlops.registry.meta import Meta
from churn_mlops.report.shapes import Backtest, Evaluation, Promotion, Shape, User, Validation
from churn_mlops.report.watched import Drift, Performance, ScoreProxy

MODELS = ("candidate", "baseline")
TOP_USERS = 20
_WATCH_AGAIN = "`churn score-proxy`, `churn performance`"

Found = TypeVar("Found", bound=Shape)


@dataclass(frozen=True)
class Champion:
    """The model in production; `digest` is the bundle's."""

    meta: Meta
    digest: str

    @property
    def version(self) -> str:
        """First 12 digits of the digest."""
        return self.digest[:12]


@dataclass(frozen=True)
class Inputs:
    """All that the page is made of.

    Parameters
    ----------
    evaluations : tuple of Evaluation
        At least one.
    champion : Champion or None
    champion_fault : str or None
        Why a bundle that is there could not be read.
    promotion, backtest, validation, performance, score_proxy, drift
        None where the file is not there.
    users : tuple of User or None
        The head of the latest list.
    """

    params: Params
    evaluations: tuple[Evaluation, ...]
    champion: Champion | None = None
    champion_fault: str | None = None
    promotion: Promotion | None = None
    backtest: Backtest | None = None
    validation: Validation | None = None
    users: tuple[User, ...] | None = None
    performance: Performance | None = None
    score_proxy: ScoreProxy | None = None
    drift: Drift | None = None


def read_inputs(params: Params) -> Inputs:
    """Read the files below the data and artifact roots.

    Raises
    ------
    ContractError
        No model has been evaluated, or a file does not have its shape.
    """
    artifacts, data = Path(params.paths.artifacts), Path(params.paths.data)
    folder = artifacts / "evaluation"
    found = (_read(folder / f"{name}.json", Evaluation) for name in MODELS)
    evaluations = tuple(evaluation for evaluation in found if evaluation is not None)
    if not evaluations:
        raise ContractError(
            f"no model has been evaluated: {folder} holds neither"
            f" {' nor '.join(f'{name}.json' for name in MODELS)}",
            fix="run the pipeline first: `dvc repro`",
        )
    champion, fault = _read_champion(artifacts / "production")
    return Inputs(
        params,
        evaluations,
        champion,
        fault,
        _read(artifacts / "metrics" / "promotion.json", Promotion),
        _read(artifacts / "metrics" / "backtest.json", Backtest),
        _read(data / "validation" / "report.json", Validation),
        _read_users(params),
        _read(artifacts / "monitoring" / "performance_latest.json", Performance, _WATCH_AGAIN),
        _read(artifacts / "monitoring" / "score_proxy_latest.json", ScoreProxy, _WATCH_AGAIN),
        _read(artifacts / "monitoring" / "drift_latest.json", Drift, "`churn drift-check`"),
    )


def _read(path: Path, shape: type[Found], again: str = "`dvc repro`") -> Found | None:
    if not path.exists():
        return None
    try:
        return shape.model_validate_json(path.read_bytes())
    except (ValidationError, ValueError) as error:
        raise ContractError(
            f"{path} does not have its shape: {error}", fix=f"write it anew: {again}"
        ) from error


def _read_champion(folder: Path) -> tuple[Champion | None, str | None]:
    if not folder.exists():
        return None, None
    try:
        bundle = load_bundle(folder)
    except BundleError as error:
        return None, error.message
    return Champion(bundle.meta, bundle.digest), None


def _read_users(params: Params) -> tuple[User, ...] | None:
    try:
        rows = latest(params, TOP_USERS)
    except ContractError:
        return None
    return tuple(user(row) for row in rows)


def user(row: dict[str, Any]) -> User:
    """A user of the list from a row of the table."""
    return User(
        user_id=row["user_id"],
        as_of_date=str(row["as_of_date"])[:10],
        churn_risk=float(row["churn_risk"]),
        risk_rank=int(row["risk_rank"]),
        decision=str(row.get("decision") or ""),
        reasons=tuple(str(row[f"reason_{n}"]) for n in (1, 2, 3) if row.get(f"reason_{n}")),
        model_version=str(row.get("model_version") or ""),
    )
