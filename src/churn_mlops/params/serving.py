"""The section about the real-time API."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from churn_mlops.params.section import Section, Share

Port = Annotated[int, Field(ge=0, le=65_535)]


def _split(value: object) -> object:
    """Take a text, as environments hand secrets over, as keys between commas or blanks."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


class PredictionLog(Section):
    """What was asked and answered, as Parquet files, to compare with the batch later.

    `share` of the predictions are written (0: none) to `folder` (null: below ``paths.artifacts``).
    A file is closed after `rows_per_file` rows or `seconds_per_file` seconds; the oldest files go
    when there are more than `max_files`.
    """

    share: Share = 0.0
    folder: str | None = None
    rows_per_file: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    seconds_per_file: Annotated[float, Field(gt=0)] = 300.0
    max_files: Annotated[int, Field(ge=1)] = 100


class Serving(Section):
    """The API of ``churn serve``: where it listens, what it lets in, how it follows the champion.

    `port` 0 takes any free one. With `metrics_port` /metrics has a port of its own. Every
    `poll_seconds` each of the `workers` looks for another champion; models are kept below `cache`
    (null: below ``paths.artifacts``), so that the last good one serves when the registry is away.

    A request may have `max_body_kb`, one of /predict/batch `max_batch_mb` and `max_batch_rows`;
    streamed ones have no end. A worker takes `max_concurrency` requests at a time, each of which
    must arrive within `timeout_seconds`. After SIGTERM the server is not ready, but answers on for
    `leave_seconds` and closes each connection with its answer: until load balancers and clients
    have noticed. Then requests under way have `drain_seconds`.

    With `api_keys` or `api_keys_file` (one key a line, read again when it changes) requests need
    one of them. `rate_limit` is per client and second and worker, `rate_limit_burst` what may come
    at once. `shadow_share` of the requests are scored by the challenger, too, for the metrics only.
    """

    host: str = "127.0.0.1"
    port: Port = 8_000
    metrics_port: Port | None = None
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    poll_seconds: Annotated[float, Field(gt=0, le=3_600)] = 5.0
    cache: str | None = None
    max_body_kb: Annotated[int, Field(ge=1)] = 256
    max_batch_mb: Annotated[int, Field(ge=1, le=1_024)] = 32
    max_batch_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 5_000
    max_concurrency: Annotated[int, Field(ge=1)] = 256
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    leave_seconds: Annotated[float, Field(ge=0, le=600)] = 0.0
    drain_seconds: Annotated[float, Field(ge=0, le=600)] = 20.0
    api_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(_split)] = ()
    api_keys_file: str | None = None
    rate_limit: Annotated[float, Field(gt=0)] | None = None
    rate_limit_burst: Annotated[int, Field(ge=1)] = 20
    shadow_share: Share = 0.0
    prediction_log: PredictionLog = PredictionLog()
