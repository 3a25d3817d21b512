"""What a year's worth of decisions comes to: scenarios, policies, seeds.

    python benchmarks/loop.py --seeds 1 2 3 --out loop.jsonl   # goes on where it was
    python benchmarks/loop.py --table --out loop.jsonl         # the table of docs/benchmarks.md

Each run lives through 180 days of a portal of which 120 days are known at first; on the 61st
something happens. Scoring, drift check, performance, `churn retrain`, training and gate are the
project's own, in this process, on tables to which days are added by links; only DVC and MLflow are
left out, which decide nothing. Policies:

    ours   `churn retrain` decides every day, the gate promotes
    psi    trains whenever the PSI of a column is 0.25 or more, and puts the result into production;
           every such day counts as a training, but at most one in seven days is carried out, as
           the models of neighbouring days differ by one day of labels
    never  the first champion stays

"Relative" is the mean PR-AUC of the last 30 days' lists, by what the portal's users really did,
divided by that of a model that knew of the change: trained, on as many days, on a portal with the
same seed that always was as this one is after its change. What passes leaves no such world: there
it is a portal on which nothing happens.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

# Two processes live through days; threads within each would only compete.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from loop_table import POLICIES, table
from loop_world import DAYS, FIRST, Walk, World, build, known_from_the_start
from workspace import machine

from churn_mlops.data.bad_days import BadDay, mark, write_bad_days
from churn_mlops.data.synthetic_truth import Truth, truth
from churn_mlops.errors import ChurnError, PromotionError
from churn_mlops.inference.kept import keep, kept
from churn_mlops.inference.predictions import latest_path
from churn_mlops.loop.hindsight import pr_auc
from churn_mlops.loop.scenarios import SCENARIOS
from churn_mlops.loop.stage import Plan
from churn_mlops.monitoring import drift, performance, retrain
from churn_mlops.monitoring.repro import Outcome
from churn_mlops.monitoring.shadow import score_shadow
from churn_mlops.params import Params, load
from churn_mlops.registry import promote_model, rollback
from churn_mlops.registry.bundle import Bundle, copy_bundle, load_bundle
from churn_mlops.registry.champion import load_champion, production_folder
from churn_mlops.registry.history import PROMOTED, REFUSED, REVERTED, ROLLED_BACK, ledger
from churn_mlops.registry.promote_model import Contender, choose_challenger
from churn_mlops.summary import Summary
from churn_mlops.training import build_training_set, train, train_baseline, train_candidate

HIGH_PSI = 0.25
PSI_EVERY = 7
LAST_DAYS = 30
SHADOW = Path("artifacts/shadow")


@dataclass
class Result:
    """What a run came to; days are ISO."""

    scenario: str
    policy: str
    users: int
    seed: int
    retrains: list[str] = field(default_factory=list)
    promotions: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    reverts: list[str] = field(default_factory=list)
    waits: int = 0
    alarms: list[str] = field(default_factory=list)
    pr_auc: dict[str, float] = field(default_factory=dict)
    reference: float = 0.0
    relative: float = 0.0
    seconds: float = 0.0


def train_both(walk: Walk) -> None:
    """The stages from the training set to both models."""
    build_training_set.run(walk.params)
    for stage, family in (
        (train_baseline.STAGE, train_baseline.BASELINE),
        (train_candidate.STAGE, train_candidate.CANDIDATE),
    ):
        train.train(stage, family, walk.params, lambda _: None)


def promote(walk: Walk, day: date, *, gate: bool = True) -> str:
    """What `promote_model` does, without a registry."""
    challenger, place = choose_challenger(walk.params), production_folder(walk.params)
    champion = Contender("champion", load_champion(walk.params)) if place.exists() else None
    action, reason = PROMOTED, "whatever it is"
    if champion and champion.bundle.digest == challenger.bundle.digest:
        action, reason = REFUSED, "the challenger is the champion"
    elif gate:
        try:
            verdict, _ = promote_model.judge(challenger, champion, walk.params)
        except PromotionError as error:
            action, reason = REFUSED, error.message
        else:
            action = PROMOTED if verdict.passed else REFUSED
            reason = "; ".join(verdict.failed) or f"{verdict.difference:+.4f}"
    if action == PROMOTED:
        if champion:
            copy_bundle(place, SHADOW)
        copy_bundle(Path("artifacts/models") / challenger.name, place)
    rival = champion.facts() if champion else None
    facts = {"challenger": challenger.facts(), "champion": rival, "reason": reason}
    ledger(walk.params).append(action, as_of_date=day.isoformat(), **facts)
    return action


def make_list(walk: Walk, day: date) -> None:
    """The day's list without what is only for people: reasons, contacts, a store for the API."""
    bundle = load_champion(walk.params)
    rows, risks = scored(bundle, day)
    made = {
        "user_id": rows["user_id"],
        "as_of_date": rows["as_of_date"],
        "churn_risk": pa.array(np.round(risks, 6)),
        "decision": pa.array(["none"] * len(rows)),
        "model_version": pa.array([bundle.version] * len(rows)),
    }
    table = pa.table(made).combine_chunks()
    latest = latest_path(walk.params)
    latest.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, latest)
    keep(table.to_batches(), walk.params, day, bundle.version, bundle.meta.label)


def scored(bundle: Bundle, day: date) -> tuple[pa.Table, np.ndarray]:
    """The day's eligible users and their risks."""
    table = pq.read_table(f"data/features/user_features_daily.parquet/day-{day}.parquet")
    rows = table.filter(pa.array(table["is_eligible"].to_numpy() == 1))
    columns = {name: rows[name].to_numpy() for name in bundle.meta.feature_names}
    return rows, bundle.score(bundle.encode(columns))


def go_back(params: Params, reason: str, to: str) -> Summary:
    """What `rollback` does, without a registry; the champion before is the one scored along."""
    now, before = load_champion(params), load_bundle(SHADOW)
    if not before.version == to:
        raise PromotionError(f"{before.version} was scored along, and not {to}")
    copy_bundle(SHADOW, production_folder(params))
    ends = {"from": now, "to": before}
    told = {name: {"digest": one.digest, "version": one.version} for name, one in ends.items()}
    ledger(params).append(ROLLED_BACK, **told, reason=reason)
    return Summary("rollback")


def ours(walk: Walk, day: date, result: Result) -> None:
    """A day as `churn daily` and `churn retrain` have it."""
    refused = walk.world.refused.get(day.isoformat())
    if refused:
        check, _, why = refused.partition(" ")
        mark(walk.params, BadDay(day, check, why, labels=True))
        result.alarms.append(day.isoformat())
    else:
        make_list(walk, day)
        score_shadow(walk.params)
        told = drift.run(walk.params, day)
        performance.run(walk.params)
        if told.facts["status"] == "FAIL":
            result.alarms.append(day.isoformat())

    def repro(_: str) -> Outcome:
        train_both(walk)
        promote(walk, day)
        return Outcome(("train_candidate",))

    retrain.repro = repro  # type: ignore[attr-defined]
    rollback.run = go_back  # type: ignore[assignment]
    before = len(ledger(walk.params).entries())
    decided = retrain.run(walk.params, "params.yaml", reason=None)
    new = [entry.action for entry in ledger(walk.params).entries()[before:]]
    result.waits += decided.facts["action"] == "wait"
    for days, happened in (
        (result.retrains, decided.facts["action"] == "retrain"),
        (result.promotions, PROMOTED in new),
        (result.refusals, REFUSED in new),
        (result.reverts, REVERTED in new),
    ):
        if happened:
            days.append(day.isoformat())


def psi(walk: Walk, day: date, result: Result) -> None:
    """A day of whoever trains when a column has moved."""
    make_list(walk, day)
    drift.run(walk.params, day)
    report = json.loads(Path(f"artifacts/monitoring/drift/{day}.json").read_text())
    quiet = walk.params.monitoring.drift.moves_by_itself
    moved = [c for c in report["columns"] if c["psi"] >= HIGH_PSI and c["column"] not in quiet]
    if not moved:
        return
    trained = result.promotions[-1] if result.promotions else None
    result.alarms.append(day.isoformat())
    result.retrains.append(day.isoformat())
    if trained is None or day - date.fromisoformat(trained) >= timedelta(days=PSI_EVERY):
        write_bad_days(walk.params, [])
        train_both(walk)
        promote(walk, day, gate=False)
        result.promotions.append(day.isoformat())


def never(walk: Walk, day: date, result: Result) -> None:
    """A day on which a list is made and nothing else."""
    make_list(walk, day)


def live(world: World, policy: str, root: Path, folder: Path) -> Result:
    """Live through all days by a policy."""
    started, plan = time.perf_counter(), world.plan
    result = Result(plan.scenario, policy, plan.users, plan.seed)
    walk = Walk(world, folder)
    first = world.folder / "first"
    if first.exists():
        shutil.copytree(first, "artifacts")
    else:
        train_both(walk)
        promote(walk, plan.begin - timedelta(days=1))
        shutil.copytree("artifacts", first)
    for number in range(DAYS):
        day = plan.day(number)
        walk.bring(day)
        {"ours": ours, "psi": psi, "never": never}[policy](walk, day, result)
    grade(walk, result)
    result.reference = reference(walk, root)
    last = [plan.day(n).isoformat() for n in range(DAYS - LAST_DAYS, DAYS)]
    reached = [result.pr_auc[day] for day in last if day in result.pr_auc]
    result.relative = round(float(np.mean(reached)) / result.reference, 4)
    result.seconds = round(time.perf_counter() - started, 1)
    return result


def truths(walk: Walk, days: list[date]) -> dict[date, Truth]:
    """What really happened after days."""
    plan, window = walk.world.plan, walk.params.churn.window_days
    numbers = {day: (day - plan.first).days for day in days}
    found = truth(walk.params.data.synthetic, plan.first, list(numbers.values()), window)
    return {day: found[number] for day, number in numbers.items()}


def grade(walk: Walk, result: Result) -> None:
    """How good each day's list was."""
    lists = {one.day: one for one in reversed(kept(walk.params))}
    known = truths(walk, sorted(lists))
    for day, one in sorted(lists.items()):
        batch = one.read()
        users = np.asarray(batch.users.to_numpy(zero_copy_only=False))
        value = pr_auc(batch.risks, known[day].of(users).silent)
        if value is not None:
            result.pr_auc[day.isoformat()] = round(value, 5)


def reference(walk: Walk, root: Path) -> float:
    """Mean PR-AUC, on the last days, of the model that knew of the change."""
    told = walk.world.folder / "reference.json"
    if told.exists():
        return float(json.loads(told.read_text()))
    folder = known_from_the_start(root, walk.world.plan)
    here = Path.cwd()
    os.chdir(folder)
    there = load("params.yaml", environment={})
    build_training_set.run(there)
    train.train(train_candidate.STAGE, train_candidate.CANDIDATE, there, lambda _: None)
    bundle = load_bundle(Path("artifacts/models/candidate"))
    os.chdir(here)
    values = []
    days = [walk.world.plan.day(n) for n in range(DAYS - LAST_DAYS, DAYS)]
    known = truths(walk, days)
    for day in days:
        rows, risks = scored(bundle, day)
        value = pr_auc(risks, known[day].of(rows["user_id"].to_numpy()).silent)
        values += [] if value is None else [value]
    told.write_text(json.dumps(float(np.mean(values))))
    shutil.rmtree(folder)
    return float(np.mean(values))


@dataclass(frozen=True)
class Task:
    """The runs that are missing in one world."""

    plan: Plan
    policies: tuple[str, ...]
    root: Path
    out: Path


def work(task: Task) -> None:
    """Live through a world by each policy; each result is a line as soon as it is there."""
    plan = task.plan
    world = build(task.root, plan)
    for policy in task.policies:
        name = {"scenario": plan.scenario, "policy": policy}
        name |= {"users": plan.users, "seed": plan.seed}
        with tempfile.TemporaryDirectory(prefix="churn-loop-") as folder:
            try:
                found = asdict(live(world, policy, task.root, Path(folder) / "walk"))
                said = f"{found['relative']:.3f} in {found['seconds']:.0f} s"
            except ChurnError as error:
                found, said = name | {"error": str(error)}, str(error)
            finally:
                os.chdir("/")
        with task.out.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(plan.scenario, policy, plan.seed, said, flush=True)


def main() -> None:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--scenarios", nargs="*", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--policies", nargs="*", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "churn-loop")
    parser.add_argument("--out", type=Path, default=Path("loop.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table and run nothing")
    chosen = parser.parse_args()
    out, root = chosen.out.resolve(), chosen.folder.resolve()
    if not chosen.table:
        print(machine(), flush=True)
        done = {(o["scenario"], o["policy"], o["users"], o["seed"]) for o in read(out)}
        tasks = []
        for seed in chosen.seeds:
            for name in chosen.scenarios:
                key = (chosen.users, seed)
                left = tuple(p for p in chosen.policies if (name, p, *key) not in done)
                if left:
                    tasks.append(Task(Plan(name, *key, FIRST), left, root, out))
        with multiprocessing.Pool(chosen.processes, maxtasksperchild=1) as pool:
            for _ in pool.imap_unordered(work, tasks):
                pass
    print(f"\n{table([one for one in read(out) if one['users'] == chosen.users])}")


def read(path: Path) -> list[dict[str, Any]]:
    """The results so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    sys.exit(main())
