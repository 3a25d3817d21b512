"""Stage promote_model: the only place where a model becomes champion.

The order of the steps makes a kill at any point harmless: first the registry gets the challenger
as a version, then the alias moves, then the bundle is put in place, then the ledger is written.
Who is killed after the alias has moved finds bundle and ledger brought up to it by the next run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from churn_mlops import engine
from churn_mlops.errors import BundleError, PromotionError
from churn_mlops.files import write_json
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.registry.bundle import Bundle, copy_bundle, load_bundle
from churn_mlops.registry.catch_up import catch_up
from churn_mlops.registry.champion import (
    CHALLENGER,
    CHAMPION,
    DIGEST,
    TAKEN_BACK,
    current_champion,
    in_place,
    production_folder,
)
from churn_mlops.registry.fit import require_fit
from churn_mlops.registry.gate import Judged, Rule, Verdict, weigh
from churn_mlops.registry.history import (
    DRY_RUN,
    PROMOTED,
    REFUSED,
    ledger,
    on_day,
    taken_back,
)
from churn_mlops.registry.lineage import collect
from churn_mlops.registry.lineage_store import RUN, attach
from churn_mlops.registry.mlflow_registry import Tracker
from churn_mlops.summary import Summary
from churn_mlops.tables import scan
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.rows import Rows, held, read_rows, rows_per_day
from churn_mlops.training.simple_rules import rule_scores
from churn_mlops.training.split import split_days

STAGE = "promote_model"
FAMILIES = ("candidate", "baseline")
# Measured on users kept aside within the training days; the test days are the gate's alone.
CHOICE = "held_out_log_loss"
UNCHANGED, DISABLED = "unchanged", "disabled"


@dataclass(frozen=True)
class Contender:
    """A model that stands before the gate: the family's name and its bundle."""

    name: str
    bundle: Bundle

    def facts(self) -> dict[str, Any]:
        """What the ledger and the metrics note of it."""
        meta = self.bundle.meta
        return {
            "name": self.name,
            "family": meta.family,
            "version": self.bundle.version,
            "digest": self.bundle.digest,
            "train_last_day": meta.window.train_last_day.isoformat(),
        }


def run(
    params: Params,
    *,
    dry_run: bool = False,
    new_contract: bool = False,
    params_file: Path = Path("params.yaml"),
) -> Summary:
    """Weigh the challenger against the champion; promote it when every rule holds.

    Parameters
    ----------
    params : Params
    dry_run : bool
        As ``promotion.mode: dry_run``.
    new_contract : bool
        The champion was trained for other features or another meaning of churn, on purpose: the
        challenger is weighed against the simple rule, like the first model ever.
    params_file : Path
        Where `params` come from, for the lineage of what is registered.

    Raises
    ------
    TrackingError
        The registry cannot be reached; nothing has changed.
    PromotionError
        The two cannot be compared, or there is no champion and none may be made.
    """
    mode = "dry_run" if dry_run and params.promotion.mode == "enabled" else params.promotion.mode
    with Tracker(params.tracking) as tracker, steps(STAGE, 3) as step:
        challenger = choose_challenger(params)
        if mode == "enabled":
            bundle = current_champion(tracker, params)
            catch_up(tracker, params)
        else:
            bundle = in_place(params)
        champion = Contender(CHAMPION, bundle) if bundle else None
        step(f"challenger: {challenger.name}")
        if mode == "disabled" or (champion and champion.bundle.digest == challenger.bundle.digest):
            action = DISABLED if mode == "disabled" else UNCHANGED
            report = _report(action, _WHY[action], challenger, champion, None)
        else:
            report = _decide(tracker, mode, challenger, champion, new_contract, params, params_file)
        step(report["decision"])
    if report["decision"] != PROMOTED and champion is None:
        raise PromotionError(
            f"there is no champion, and the challenger {challenger.bundle.version} did not become"
            f" one: {report['reason']}",
            fix="without a champion nothing can be scored: bring more or other data, or loosen"
            " `promotion` in params.yaml (mode: enabled makes the first one)",
        )
    path = Path(params.paths.artifacts) / "metrics" / "promotion.json"
    write_json(path, report)
    facts = {name: report[name] for name in ("decision", "reason")}
    outputs = [production_folder(params), ledger(params).path, path]
    return Summary(STAGE, {"judged": report.get("rows", 0)}, outputs, facts)


_WHY = {
    DISABLED: "promotion.mode is disabled",
    UNCHANGED: "the challenger is the champion",
}


def choose_challenger(params: Params) -> Contender:
    """The trained model whose risks were truest on users kept aside in the training days.

    The test days are not looked at: they are the gate's.

    Raises
    ------
    BundleError
        No model has been trained, or one is damaged.
    PromotionError
        A model does not tell how true its risks were.
    """
    root = Path(params.paths.artifacts) / "models"
    found = [
        Contender(name, load_bundle(root / name, params.duckdb.threads))
        for name in FAMILIES
        if (root / name).exists()
    ]
    if not found:
        raise BundleError(f"there is no model in {root}", fix="train first: `dvc repro`")
    for contender in found:
        if CHOICE not in contender.bundle.meta.metrics:
            known = ", ".join(sorted(contender.bundle.meta.metrics)) or "none"
            raise PromotionError(
                f"the model in {root / contender.name} does not tell its {CHOICE} (its metrics:"
                f" {known}), by which challengers are chosen; the champion stays",
                fix=f"train it again: `dvc repro -f train_{contender.name}`",
            )
    return min(found, key=lambda c: c.bundle.meta.metrics[CHOICE])


def _decide(
    tracker: Tracker,
    mode: str,
    challenger: Contender,
    champion: Contender | None,
    new_contract: bool,
    params: Params,
    params_file: Path,
) -> dict[str, Any]:
    try:
        require_fit(challenger.bundle, params)
        if champion and not new_contract:
            require_fit(champion.bundle, params)
    except BundleError as error:
        raise PromotionError(
            f"{error.message}; the champion stays",
            fix="train with the present parameters (`dvc repro`); if the change is meant to make"
            " the champion obsolete: `churn promote --new-contract`",
        ) from error
    rival = None if new_contract else champion
    verdict, days = judge(challenger, rival, params)
    book = ledger(params)
    known = tracker.versions(params.tracking.model)
    elsewhere = {v.tags.get(DIGEST, "") for v in known if v.tags.get(TAKEN_BACK) == "true"}
    back = taken_back(book.entries()) | elsewhere
    rules = (_not_taken_back(challenger, back), *verdict.rules)
    verdict = replace(verdict, rules=rules)
    action = REFUSED if not verdict.passed else PROMOTED if mode == "enabled" else DRY_RUN
    reason = "; ".join(verdict.failed) or next(r.text for r in rules if r.rule.startswith("better"))
    against = CHAMPION if rival else "recency"
    report = _report(action, reason, challenger, champion, verdict) | {
        "against": against,
        "confidence": params.promotion.confidence,
        "first_day": days[0].isoformat(),
        "last_day": days[-1].isoformat(),
    }
    if mode == "enabled":
        report["challenger"]["registered"] = _register(
            tracker, challenger, report, params, params_file
        )
        if action == PROMOTED:
            version = report["challenger"]["registered"]
            tracker.set_alias(params.tracking.model, CHAMPION, version)
            copy_bundle(_folder(challenger, params), production_folder(params))
    noted = {name: value for name, value in report.items() if name != "decision"}
    noted |= on_day(params)
    last = next(iter(book.entries()[-1:]), None)
    # Killed before DVC took note of the stage, the same is decided once more: one line is enough.
    again = mode == "enabled" and last is not None and last.action == action
    if last is None or not again or not _same(last.facts, noted):
        last = book.append(action, **noted)
    if mode == "enabled":
        # Kept by the registry, the head tells when the ledger's end was cut off.
        head = {"ledger_entry": str(last.n), "ledger_hash": last.hash, "decision": action}
        tracker.set_tags(params.tracking.model, report["challenger"]["registered"], head)
    return report


def _same(known: Mapping[str, Any], noted: Mapping[str, Any]) -> bool:
    """Whether two decisions tell the same, whatever number the registry gave the challenger."""

    def told(facts: Mapping[str, Any]) -> dict[str, Any]:
        challenger = {k: v for k, v in facts["challenger"].items() if k != "registered"}
        return dict(facts) | {"challenger": challenger}

    return json.dumps(told(known), sort_keys=True) == json.dumps(told(noted), sort_keys=True)


def judge(
    challenger: Contender, champion: Contender | None, params: Params
) -> tuple[Verdict, list[date]]:
    """Score both on the same mature rows that neither could have learned from, and weigh.

    Raises
    ------
    PromotionError
        No such row is there.
    """
    names = challenger.bundle.meta.feature_names
    with engine.connect(params) as con:
        table = held(con, scan(con, dataset_contract(params), params), params)
        days = list(split_days(rows_per_day(table), params).test_days)
        first = max(_first_fair_day(c) for c in (challenger, champion) if c)
        fair = [day for day in days if day >= first]
        if not fair:
            raise PromotionError(
                f"the test days {days[0]} to {days[-1]} lie before {first}, the first day that no"
                " label of both models' training days reaches; the champion stays",
                fix="wait until later days have matured",
            )
        rows = read_rows(con, table, names, fair, params)
    risks = _risks(challenger, rows)
    other = _risks(champion, rows) if champion else rule_scores(rows.columns, params)["recency"]
    judged = Judged(rows.labels, rows.users, rows.columns)
    return weigh(judged, risks, other, params, is_model=champion is not None), fair


def _first_fair_day(contender: Contender) -> date:
    meta = contender.bundle.meta
    return meta.window.train_last_day + timedelta(days=meta.label.window_days + 1)


def _risks(contender: Contender, rows: Rows) -> np.ndarray:
    return contender.bundle.score(contender.bundle.encode(rows.columns))


def _not_taken_back(challenger: Contender, digests: set[str]) -> Rule:
    back = challenger.bundle.digest in digests
    text = "this very model was rolled back before" if back else "it was never rolled back"
    return Rule("not rolled back", not back, text)


def _register(
    tracker: Tracker,
    challenger: Contender,
    report: Mapping[str, Any],
    params: Params,
    params_file: Path,
) -> int:
    digest = challenger.bundle.digest
    stage = f"train_{challenger.name}"
    run_id = tracker.find_run(digest, stage)
    if run_id is None:
        raise PromotionError(
            f"MLflow has no finished run of the challenger {challenger.bundle.version}; the"
            " champion stays",
            fix=f"train it with this tracking server: `dvc repro -f {stage}`",
        )
    name = params.tracking.model
    # The same model again keeps the lineage that it was registered with first.
    kept = any(v.tags.get(DIGEST) == digest and RUN in v.tags for v in tracker.versions(name))
    origin: dict[str, str] = {}
    if not kept:
        made = _folder(challenger, params)
        lineage = collect(params, stage=stage, bundle=made, digest=digest, params_file=params_file)
        # Before there is a version: none is ever without its lineage.
        origin = attach(tracker, run_id, lineage)
    tags = {
        DIGEST: digest,
        "family": challenger.bundle.meta.family,
        "model_version": challenger.bundle.version,
        "decision": str(report["decision"]),
        "reason": str(report["reason"]),
        "difference": f"{report['difference']:.6f}",
        "interval": f"{report['low']:.6f} {report['high']:.6f}",
        "against": str(report["against"]),
        "rows": str(report["rows"]),
    }
    version = tracker.register(name, run_id, "model", tags | origin)
    tracker.set_tags(name, version, tags | origin)
    tracker.set_alias(name, CHALLENGER, version)
    return version


def _folder(challenger: Contender, params: Params) -> Path:
    return Path(params.paths.artifacts) / "models" / challenger.name


def _report(
    decision: str,
    reason: str,
    challenger: Contender,
    champion: Contender | None,
    verdict: Verdict | None,
) -> dict[str, Any]:
    return {
        "decision": decision,
        "reason": reason,
        "challenger": challenger.facts(),
        "champion": champion.facts() if champion else None,
        **(verdict.facts() if verdict else {}),
    }
