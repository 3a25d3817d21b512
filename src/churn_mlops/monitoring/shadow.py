"""The champion before, on the days of a new one's probation: fetched once, scored along."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import ibis
import pyarrow as pa
import structlog

from churn_mlops import engine
from churn_mlops.errors import BundleError, PromotionError, TrackingError
from churn_mlops.features.catalogue import features_contract
from churn_mlops.features.eligibility import eligible
from churn_mlops.inference.batch_score import scored
from churn_mlops.inference.decision import NONE
from churn_mlops.inference.kept import folder as kept_folder
from churn_mlops.inference.kept import keep, keep_latest
from churn_mlops.monitoring.retrain_files import trial
from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle, load_bundle
from churn_mlops.registry.champion import DIGEST, install
from churn_mlops.registry.fit import require_fit
from churn_mlops.registry.history import champions, ledger
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.summary import Summary
from churn_mlops.tables import scan
from churn_mlops.tables.batches import batches

STAGE = "score_shadow"

log = structlog.get_logger()


def score_shadow(params: Params) -> Summary:
    """Score the day of the latest list with the champion before; does nothing without a probation.

    Its risks are kept beside the champion's, with nobody to contact. A day that it has scored is
    not scored again unless the list is of a later delivery of the day. While the registry is away
    a day is left out of the comparison, with a warning: the list must not wait for it.

    Parameters
    ----------
    params : Params

    Raises
    ------
    ContractError
        Nothing has been scored, or a table is not there.
    PromotionError
        The registry lacks the champion before, or holds another model under its number.
    LedgerError
        The ledger is damaged.
    """
    under_way = trial(ledger(params).entries(), params)
    if under_way is None:
        return Summary(STAGE, {}, [], {"status": "none"})
    latest = keep_latest(params)
    if latest.version != under_way.champion or latest.day <= under_way.since:
        words = "no list of the champion since its promotion"
        return Summary(STAGE, {}, [], {"status": "none", "reason": words})
    try:
        bundle = shadow(params)
    except TrackingError as error:
        log.warning("the champion before was not scored", why=error.message)
        return Summary(STAGE, {}, [], {"status": "away", "reason": error.message})
    try:
        require_fit(bundle, params)
    except BundleError as error:
        # Promoted with a new contract: there is nothing to compare.
        return Summary(STAGE, {}, [], {"status": "none", "reason": error.message})
    place = kept_folder(params) / f"{latest.day}_{bundle.version}.parquet"
    facts = {"as_of_date": latest.day.isoformat(), "model_version": bundle.version}
    if place.exists() and place.stat().st_mtime_ns >= latest.path.stat().st_mtime_ns:
        return Summary(STAGE, {}, [place], facts | {"status": "scored"})
    with engine.connect(params) as con:
        rows = _rows(con, latest.day, bundle, params)
        kept = keep(rows, params, latest.day, bundle.version, bundle.meta.label)
    users = len(kept.read())
    return Summary(STAGE, {"users": users}, [kept.path], facts | {"status": "scored"})


def shadow(params: Params) -> Bundle:
    """The bundle of the champion before, from artifacts/shadow or else from the registry.

    Raises
    ------
    PromotionError
        The ledger knows no champion before; the registry lacks it or holds another model.
    TrackingError
        The registry does not answer.
    """
    stack = champions(ledger(params).entries())
    if len(stack) < 2:
        raise PromotionError("there is no champion before the present one", fix="`churn history`")
    before = stack[-2]
    place = Path(params.paths.artifacts) / "shadow"
    found = _sound(place, params)
    if found is not None and found.digest == before["digest"]:
        return found
    _fetch(before["registered"], before["digest"], place, params)
    return load_bundle(place, params.duckdb.threads)


def _sound(place: Path, params: Params) -> Bundle | None:
    if not place.exists():
        return None
    try:
        return load_bundle(place, params.duckdb.threads)
    except BundleError:
        # It is a copy: the registry has it, too.
        return None


def _fetch(number: int, digest: str, place: Path, params: Params) -> None:
    name = params.tracking.model
    with Tracker(params.tracking) as tracker:
        version = tracker.by_version(name, int(number))
        if version is None or version.tags.get(DIGEST) != digest:
            raise PromotionError(
                f"version {number} of '{name}' in the registry is not the champion before,"
                f" {digest[:12]}",
                fix="use the registry that the ledger belongs to; without it the probation ends"
                " with its days (monitoring.retrain.probation_days)",
            )
        install(tracker, version, params, place)


def _rows(
    con: engine.Engine, day: date, bundle: Bundle, params: Params
) -> Iterator[pa.RecordBatch]:
    features = scan(con, features_contract(params), params, since=day)
    rows = eligible(features.filter(features.as_of_date == ibis.literal(day)), params)
    wanted = rows.select("user_id", "as_of_date", *bundle.meta.feature_names).order_by("user_id")
    for batch in batches(con, wanted, params.scoring.batch_rows):
        table = scored(pa.Table.from_batches([batch]), bundle)
        nobody = pa.array([NONE] * len(table), pa.string())
        yield from table.append_column("decision", nobody).combine_chunks().to_batches()
