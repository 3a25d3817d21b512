"""The typed tree of `params.yaml`.

Every section is frozen and refuses unknown keys. The defaults are those of the e-learning
portal that the project ships, so that an empty file is a valid one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from churn_mlops.params.model import Evaluation, Promotion, Scoring, Training
from churn_mlops.params.monitoring import Jobs, Monitoring
from churn_mlops.params.section import Days, IdType, Name, Section, Share, as_date
from churn_mlops.params.serving import Serving


class Paths(Section):
    """Roots that all tables, models and reports lie under; relative to the working directory."""

    data: str = "data"
    artifacts: str = "artifacts"


class Tables(Section):
    """How tables are stored.

    With a `location`, such as ``s3://bucket/prefix``, the files of Parquet tables lie there, and
    the tables' folders tell where.
    """

    format: Literal["csv", "parquet"] = "csv"
    location: Annotated[str, Field(pattern=r"^[a-z0-9]+://[^/]+(/.*[^/])?$")] | None = None


class Duckdb(Section):
    """Limits of the embedded engine; a stage spills to disk rather than cross them.

    `rows_per_part` bounds how many user-days are worked on at once.
    """

    threads: Annotated[int, Field(ge=1, le=256)] = 2
    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)?\s?(MB|GB|MiB|GiB)$")] = "3GB"
    rows_per_part: Annotated[int, Field(ge=1_000)] = 2_000_000


class Spark(Section):
    """The cluster that `engine: spark` uses.

    The master is ``local[*]``, ``spark://HOST:PORT``, ``k8s://https://HOST:PORT`` or, for Spark
    Connect, ``sc://HOST:PORT``; `conf` holds properties of Spark by name. It must have taken a
    first task within `start_seconds`.
    """

    master: Annotated[str, Field(min_length=1)] = "local[2]"
    conf: dict[str, str] = {}
    start_seconds: Annotated[float, Field(gt=0)] = 120.0

    @field_validator("conf", mode="before")
    @classmethod
    def _texts(cls, conf: Any) -> Any:
        """Spark takes texts: 4 is "4" and true is "true"."""
        if not isinstance(conf, Mapping):
            return conf
        return {name: value if isinstance(value, str) else json.dumps(value)
                for name, value in conf.items()}  # fmt: skip


class Churn(Section):
    """What leaving means; labels, eligibility, embargo and maturity derive from here only.

    `active_events` names the event types that make a day active (null: all counted ones).
    """

    window_days: Days = 30
    active_within_days: Days | None = 30
    active_events: tuple[Name, ...] | None = (
        "login",
        "course_enroll",
        "video_watch",
        "quiz_attempt",
    )
    within_subscription: bool = False


class Drift(Section):
    """One planned change of the synthetic portal, from `start` to `end` (null: for good).

    It reaches its `strength` linearly within `ramp_days`; 0: at once.
    """

    kind: Literal[
        "engagement_shift",
        "country_mix",
        "price_change",
        "broken_tracking",
        "unit_error",
        "mixed_up_users",
        "new_market",
        "competitor",
        "late_delivery",
    ]
    start: date
    end: date | None = None
    ramp_days: Annotated[int, Field(ge=0)] = 0
    strength: Annotated[float, Field(gt=0)] = 1.0
    event_type: Name | None = None

    _dates = field_validator("start", "end", mode="before")(as_date)


class Dirt(Section):
    """Shares of bad rows that the synthetic portal mixes in, relative to its events."""

    duplicates: Share = 0.0
    late: Share = 0.0
    unknown_users: Share = 0.0
    impossible_values: Share = 0.0


class Synthetic(Section):
    """The synthetic e-learning portal."""

    users: Annotated[int, Field(ge=1, le=100_000_000)] = 2_000
    days: Days = 120
    seed: Annotated[int, Field(ge=0)] = 42
    paid_share: Share = 0.4
    drift: tuple[Drift, ...] = ()
    dirt: Dirt = Dirt()


class Files(Section):
    """Tables in files: a path or glob, local or `s3://`, CSV (also .gz) or Parquet.

    Without `users`, users are derived from the events: sign-up is the day of the first event.
    """

    users: str | None = None
    events: str | None = None
    subscriptions: str | None = None


class Sql(Section):
    """Tables in a database, read by `url`; each entry is a table's name or a SELECT."""

    url: str | None = None
    users: str | None = None
    events: str | None = None
    subscriptions: str | None = None


class Columns(Section):
    """Our column name: the source's column name, where they differ."""

    users: dict[Name, str] = {}
    events: dict[Name, str] = {}
    subscriptions: dict[Name, str] = {}


class Measure(Section):
    """A numeric column of the event log, its unit and its possible values."""

    unit: str = ""
    min: float | None = None
    max: float | None = None


class Data(Section):
    """Where the event log comes from and what is in it.

    `start_date` is the first day of the log (null: the earliest sign-up or event); users who
    signed up before it have their first row on it. `end_date` is the last complete day (null:
    the last day of the synthetic portal, or the last day with an event). Rows may arrive up to
    `late_days` after their day and still be worked in day by day.
    """

    source: Literal["synthetic", "files", "sql"] = "synthetic"
    start_date: date | None = date(2025, 1, 1)
    end_date: date | None = None
    late_days: Annotated[int, Field(ge=0, le=365)] = 3
    user_id: IdType = "integer"
    event_id: IdType = "integer"
    event_types: tuple[Name, ...] = (
        "login",
        "course_enroll",
        "video_watch",
        "quiz_attempt",
        "payment_success",
        "payment_failed",
        "support_ticket",
    )
    measures: dict[Name, Measure] = {
        "watch_minutes": Measure(unit="minutes", min=0, max=1440),
        "quiz_score": Measure(unit="points", min=0, max=100),
        "amount": Measure(unit="currency", min=0),
    }
    subscriptions: bool = False
    synthetic: Synthetic = Synthetic()
    files: Files = Files()
    sql: Sql = Sql()
    columns: Columns = Columns()

    _dates = field_validator("start_date", "end_date", mode="before")(as_date)

    @property
    def last_synthetic_day(self) -> date:
        """Last day of the synthetic portal."""
        return (self.start_date or date(2025, 1, 1)) + timedelta(days=self.synthetic.days - 1)


class Validation(Section):
    """When rows are set aside and when the gate closes.

    `required` names the measure that an event of a type must carry. `muted` lists checks that
    count but neither quarantine nor fail.
    """

    max_quarantine_share: Share = 0.01
    required: dict[Name, Name] = {"payment_success": "amount", "payment_failed": "amount"}
    muted: tuple[Annotated[str, Field(pattern=r"^CHN\d{3}$")], ...] = ()


class Sum(Section):
    """A daily sum of one measure over some event types (null: over all)."""

    measure: Name
    events: tuple[Name, ...] | None = None


class Mean(Section):
    """A daily mean of one measure over some event types (null: over all)."""

    measure: Name
    events: tuple[Name, ...] | None = None


class Ratio(Section):
    """Events of some types as a share of events of others, over the longest window."""

    numerator: tuple[Name, ...]
    denominator: tuple[Name, ...]


class Features(Section):
    """What is counted, summed and averaged a day, and over which windows.

    Keys are the names of the daily columns. `static` are columns of the users table.
    """

    windows_days: tuple[Days, ...] = (7, 14, 30)
    counts: dict[Name, tuple[Name, ...]] = {
        "logins_count": ("login",),
        "enroll_count": ("course_enroll",),
        "quiz_attempts_count": ("quiz_attempt",),
        "payment_success_count": ("payment_success",),
        "payment_failed_count": ("payment_failed",),
        "support_ticket_count": ("support_ticket",),
    }
    sums: dict[Name, Sum] = {
        "watch_minutes_sum": Sum(measure="watch_minutes", events=("video_watch",))
    }
    means: dict[Name, Mean] = {
        "quiz_avg_score": Mean(measure="quiz_score", events=("quiz_attempt",))
    }
    ratios: dict[Name, Ratio] = {
        "payment_fail_rate": Ratio(
            numerator=("payment_failed_count",),
            denominator=("payment_success_count", "payment_failed_count"),
        )
    }
    static: dict[Name, Literal["categorical", "numeric", "integer"]] = {
        "plan": "categorical",
        "is_paid": "integer",
        "country": "categorical",
        "marketing_source": "categorical",
    }

    @field_validator("windows_days")
    @classmethod
    def _windows(cls, windows: tuple[int, ...]) -> tuple[int, ...]:
        if not windows:
            raise ValueError("no window given; name at least one, for example [7, 14, 30]")
        if len(set(windows)) < len(windows):
            raise ValueError(f"a window is named twice in {list(windows)}")
        return tuple(sorted(windows))


class Tracking(Section):
    """MLflow; `MLFLOW_TRACKING_URI` and `MLFLOW_EXPERIMENT_NAME` win over these.

    `model` is the name of the registered model, whose aliases `champion` and `challenger` are.
    """

    uri: str = "sqlite:///mlflow.db"
    experiment: str = "churn"
    model: str = "churn"
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 5.0


class Params(Section):
    """The whole of `params.yaml`."""

    paths: Paths = Paths()
    tables: Tables = Tables()
    engine: Literal["duckdb", "spark"] = "duckdb"
    duckdb: Duckdb = Duckdb()
    spark: Spark = Spark()
    data: Data = Data()
    churn: Churn = Churn()
    validation: Validation = Validation()
    features: Features = Features()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    promotion: Promotion = Promotion()
    scoring: Scoring = Scoring()
    serving: Serving = Serving()
    monitoring: Monitoring = Monitoring()
    jobs: Jobs = Jobs()
    tracking: Tracking = Tracking()
