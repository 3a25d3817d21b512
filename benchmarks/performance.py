"""Do promises about unlabelled batches hold, and what gives concept drift away?

A model is trained once, in the middle of a log; every few days later a batch is scored and kept,
and `churn performance` promises and grades all of them, each promise knowing only its day.

    python benchmarks/performance.py --seeds 6                 # the synthetic portal, quiet
    python benchmarks/performance.py --drift price_change=2.0  # the same with another concept
    python benchmarks/performance.py --oulad DIR               # real data (examples/oulad)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from workspace import ROOT, STAGES, machine, make, run

from churn_mlops import engine
from churn_mlops.features.catalogue import features_contract
from churn_mlops.features.eligibility import eligible
from churn_mlops.inference.kept import keep, kept
from churn_mlops.monitoring import performance
from churn_mlops.monitoring.estimate import estimate
from churn_mlops.monitoring.outlook import Outlook
from churn_mlops.params import Params, load
from churn_mlops.registry.bundle import Bundle, copy_bundle, load_bundle
from churn_mlops.registry.champion import production_folder
from churn_mlops.tables import scan

# Everything up to the trained trees; the gate is not what is measured here.
PIPELINE = tuple(s for s in STAGES[:8] if s != "train-baseline")
METRICS = ("roc_auc", "pr_auc")
# Not among the portals that the method was tried on while it was written.
FIRST_SEED = 101
# What would be promised if the risks were taken at their word.
CERTAIN = Outlook(np.ones(1), np.zeros((1, 2)), np.eye(2)[None] * 1e-12)


@dataclass(frozen=True)
class World:
    """A log, the days of the test, and the days that are scored afterwards."""

    name: str
    tree: dict[str, Any]
    first: date
    last: date
    every: int
    changed: date | None = None


def portal(users: int, seed: int, every: int, drift: tuple[str, float] | None = None) -> World:
    """300 days of the synthetic portal; the model knows what was known on day 167."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    changed = date(2025, 7, 20) if drift else None
    kinds = [{"kind": drift[0], "strength": drift[1], "start": str(changed)}] if drift else []
    tree["data"]["synthetic"] |= {"users": users, "days": 300, "seed": seed, "drift": kinds}
    tree["training"] |= {"test_start": "2025-04-21", "test_end": "2025-05-18"}
    value = {"customer_value": 120, "contact_cost": 1, "offer_cost": 10, "success_rate": 0.3}
    tree["scoring"]["value"] = value
    name = f"{drift[0]} {drift[1]:g}, seed {seed}" if drift else f"portal, seed {seed}"
    return World(name, tree, date(2025, 6, 17), date(2025, 9, 27), every, changed)


def oulad(every: int) -> World:
    """OULAD; the model knows what was known on 8 June 2014."""
    tree = yaml.safe_load((ROOT / "examples/oulad/params.yaml").read_text())
    tree["training"] |= {
        "train_end": "2014-01-31",
        "test_start": "2014-03-01",
        "test_end": "2014-05-25",
        "snapshot_every_days": 7,
    }
    return World("OULAD", tree, date(2014, 6, 9), date(2015, 5, 20), every)


def build(world: World, folder: Path, data: Path | None) -> Params:
    """Run the stages and make the trees champion."""
    make(folder)
    world.tree["tables"]["format"] = "parquet"
    (folder / "params.yaml").write_text(yaml.safe_dump(world.tree))
    if data:
        (folder / "oulad").symlink_to(data.resolve())
    for stage in PIPELINE:
        run(["churn", stage], folder)
    os.chdir(folder)
    params = load("params.yaml")
    copy_bundle(Path(params.paths.artifacts) / "models/candidate", production_folder(params))
    return params


def score(world: World, params: Params) -> None:
    """Keep a batch for every few days, as batch_score does; it scores the last day itself."""
    bundle = load_bundle(production_folder(params))
    count = (world.last - world.first).days // world.every
    days = [world.last - timedelta(days=n * world.every) for n in range(count, 0, -1)]
    with engine.connect(params) as con:
        features = scan(con, features_contract(params), params)
        rows = eligible(features.filter(features.as_of_date.isin(days)), params)
        wanted = rows.select("user_id", "as_of_date", *bundle.meta.feature_names)
        table = wanted.order_by("as_of_date", "user_id").to_pyarrow()
    for part in by_day(table):
        day = part["as_of_date"][0].as_py()
        keep(scored(part, bundle, params), params, day, bundle.version, bundle.meta.label)
    run(["churn", "batch-score", "--as-of-date", str(world.last)], Path.cwd())


def by_day(table: pa.Table) -> Iterator[pa.Table]:
    """The rows of each day."""
    days = table["as_of_date"].to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    for first, end in pairwise(starts):
        if end > first:
            yield table.slice(first, end - first)


def scored(table: pa.Table, bundle: Bundle, params: Params) -> list[pa.RecordBatch]:
    """Risks and decisions of a day's users."""
    from churn_mlops.inference.decision import CONTACT, NONE, break_even

    columns = {name: table[name].to_numpy() for name in bundle.meta.feature_names}
    risks = np.round(bundle.score(bundle.encode(columns)), 6)
    value = params.scoring.value
    limit = break_even(value) if value else 1.0
    made = {
        "user_id": table["user_id"],
        "as_of_date": table["as_of_date"],
        "churn_risk": pa.array(risks),
        "decision": pa.array(np.where(risks > limit, CONTACT, NONE)),
        "model_version": pa.array([bundle.version] * len(table)),
    }
    return pa.table(made).combine_chunks().to_batches()


def measure(world: World, data: Path | None = None) -> dict[str, Any]:
    """Everything from the log to the graded promises."""
    here, folder = Path.cwd(), Path(tempfile.mkdtemp(prefix="churn-promises-"))
    try:
        params = build(world, folder, data)
        score(world, params)
        performance.run(params)
        path = Path(params.paths.artifacts) / "monitoring/performance_latest.json"
        body: dict[str, Any] = json.loads(path.read_text())
        take_at_their_word(body, params)
        return body
    finally:
        os.chdir(here)
        shutil.rmtree(folder)


def take_at_their_word(body: dict[str, Any], params: Params) -> None:
    """Note beside each grade whether an interval of the chance of who leaves alone would hold."""
    confidence, value = params.monitoring.performance.confidence, params.scoring.value
    for one, entry in zip(kept(params), body["history"], strict=True):
        if entry["realised"]:
            said = estimate(one.read(), CERTAIN, 0.0, confidence, value)
            for name, promised in said.items():
                grade = entry["realised"][name]
                grade["plain"] = promised.holds(grade["value"])


def graded(body: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    """The graded promises of a metric, the oldest first, with their day."""
    return [
        {"day": date.fromisoformat(entry["as_of_date"]), **entry["realised"][metric]}
        for entry in body["history"]
        if entry["realised"] and metric in entry["realised"]
    ]


def coverage(name: str, bodies: list[dict[str, Any]]) -> list[str]:
    """A line per metric: how many promises were kept, how wide they were, how far off."""
    lines = []
    found = {m: [g for body in bodies for g in graded(body, m)] for m in (*METRICS, "profit")}
    for metric, promises in found.items():
        if not promises:
            continue
        widths = [p["high"] - p["low"] for p in promises]
        off = np.array([p["estimated"] - p["value"] for p in promises])
        digits = 0 if metric == "profit" else 3
        cells = [
            name,
            metric,
            str(len(promises)),
            f"{np.mean([p['kept'] for p in promises]):.0%}",
            f"{np.mean([p['plain'] for p in promises]):.0%}",
            f"{np.mean(widths):.{digits}f}",
            f"{off.mean():+.{digits}f}",
            f"{np.abs(off).mean():.{digits}f}",
            f"{np.std([p['value'] for p in promises]):.{digits}f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def course(world: World, body: dict[str, Any]) -> list[str]:
    """How estimate and truth went on after a change, horizon by horizon."""
    assert world.changed is not None
    lines = []
    for metric in METRICS:
        floor, promises = body["floors"][metric], graded(body, metric)
        for first, end in ((-200, -30), (-30, 0), (0, 15), (15, 30), (30, 50), (50, 80)):
            here = [p for p in promises if first <= (p["day"] - world.changed).days < end]
            if here:
                mean = {k: np.mean([p[k] for p in here]) for k in ("estimated", "value", "kept")}
                cells = [
                    world.name, metric, f"{first} to {end - 1}", str(len(here)),
                    f"{mean['estimated']:.3f}", f"{mean['value']:.3f}", f"{mean['kept']:.0%}",
                    f"{floor:.3f}",
                ]  # fmt: skip
                lines.append(f"| {' | '.join(cells)} |")
        # A batch's truth may see the change as soon as its horizon reaches it.
        reached = [p for p in promises if p["day"] > world.changed - timedelta(30)]
        broken = next((p["day"] for p in reached if p["value"] < p["low"]), None)
        below = next((p["day"] for p in promises if p["value"] < floor), None)
        for what, day in (("below its interval", broken), ("below its floor", below)):
            said = f"batch of day {(day - world.changed).days:+d}" if day else "never"
            print(f"{world.name}, {metric}: first {what}: {said}", flush=True)
    return lines


def main() -> None:
    """Measure what is asked for and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--users", type=int, default=4_000)
    parser.add_argument("--seeds", type=int, default=0, help="so many portals without drift")
    parser.add_argument("--drift", nargs="*", default=[], metavar="KIND=STRENGTH")
    parser.add_argument("--oulad", type=Path, help="the folder with OULAD's tables")
    parser.add_argument("--every", type=int, default=3, help="days between two batches")
    chosen = parser.parse_args()
    print(machine(), "\n")
    lines: list[str] = []
    quiet = []
    for seed in range(FIRST_SEED, FIRST_SEED + chosen.seeds):
        quiet.append(measure(portal(chosen.users, seed, chosen.every)))
        print(*coverage(f"portal, seed {seed}", quiet[-1:]), sep="\n", flush=True)
    if quiet:
        lines += coverage(f"portal, {chosen.seeds} seeds", quiet)
    if chosen.oulad:
        lines += coverage("OULAD", [measure(oulad(chosen.every), chosen.oulad)])
    courses = []
    for entry in chosen.drift:
        kind, _, strength = entry.partition("=")
        world = portal(chosen.users, FIRST_SEED, chosen.every, (kind, float(strength)))
        courses += course(world, measure(world))
    if lines:
        heads = ("log", "metric", "promises", "kept", "by chance alone", "mean width",
                 "estimate less truth", "mean error", "spread of the truth")  # fmt: skip
        print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}", *lines, sep="\n")
    if courses:
        heads = ("log", "metric", "days from the change", "batches", "estimated", "realised",
                 "promises kept", "floor")  # fmt: skip
        print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}", *courses, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
