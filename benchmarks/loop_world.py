"""Worlds for `loop.py`: 300 days of a portal, cut into days, so that a day can be added by a link.

A world is built once by the real stages. Rows of a day do not depend on later days, so its tables
cut by day are what the day had; only where events arrive late, the days concerned are built once
more from what had arrived by then.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from workspace import ROOT, make, run

from churn_mlops.data.bad_days import write_bad_days
from churn_mlops.data.synthetic_dirt import MAX_DELAY_DAYS
from churn_mlops.data.watermark import Watermark, source_of, write_watermark
from churn_mlops.files import write_json
from churn_mlops.loop.scenarios import HISTORY_DAYS
from churn_mlops.loop.stage import MAX_TEST_DAYS, Plan
from churn_mlops.params import Drift, Params, load

DAYS = 180
FIRST = date(2025, 1, 1)
STAGES = ("generate-data", "validate-data", "prepare-data", "build-features", "build-labels")
# Of each table: where it lies, and how many days it is behind.
TABLES = {
    "processed/user_daily": 0,
    "features/user_features_daily": 0,
    "processed/labels_daily": 30,
}
FORMAT = {"compression": "zstd", "compression_level": 1}


@dataclass(frozen=True)
class World:
    """A built world.

    Parameters
    ----------
    folder : Path
    plan : Plan
    refused : dict of str to str
        Days that do not pass the gate, and what it would say.
    """

    folder: Path
    plan: Plan
    refused: dict[str, str]

    def params(self) -> Params:
        """Its parameters, for a workspace that is the working directory."""
        return load(self.folder / "params.yaml", environment={})


def settings(plan: Plan, drift: tuple[Drift, ...], days: int) -> dict[str, object]:
    """The shipped parameters with the portal, less what a benchmark need not measure."""
    tree: dict[str, dict[str, object]] = yaml.safe_load((ROOT / "params.yaml").read_text())
    changes = [change.model_dump(mode="json") for change in drift]
    synthetic = {"users": plan.users, "seed": plan.seed, "days": days, "drift": changes}
    tree["data"]["synthetic"] = {**tree["data"]["synthetic"], **synthetic}
    tree["data"]["start_date"] = plan.first.isoformat()
    tree["tables"]["format"] = "parquet"
    tree["duckdb"] |= {"threads": 1}
    # As in `churn simulate`: the fewer test days, the sooner training days tell of a change.
    tree["training"] |= {"max_test_days": MAX_TEST_DAYS}
    # Intervals around the metrics of a report nobody reads; the gate keeps its own resamples.
    tree["evaluation"] |= {"resamples": 20}
    return tree


def build(root: Path, plan: Plan) -> World:
    """Build a world, unless it is there."""
    folder = root / f"{plan.scenario}-{plan.users}-{plan.seed}"
    done = folder / "refused.json"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        drift = plan.what.drift(plan.change)
        days = HISTORY_DAYS + DAYS
        _stages(folder, plan, drift, days)
        _slice(folder, folder / "slices", HISTORY_DAYS, days, plan.first)
        if any(change.kind == "late_delivery" for change in drift):
            last = max(change.end for change in drift if change.end)
            for n in range((last - plan.change).days + 1 + MAX_DELAY_DAYS):
                day = plan.change + timedelta(days=n)
                number = (day - plan.first).days
                seen = folder / "seen" / str(day)
                _stages(seen, plan, drift, number + 1)
                _slice(seen, seen / "slices", number - MAX_DELAY_DAYS, number + 1, plan.first)
                shutil.rmtree(seen / "data")
        refused = _refused(folder)
        shutil.rmtree(folder / "data")
        write_json(done, refused)
    return World(folder, plan, json.loads(done.read_text()))


def known_from_the_start(root: Path, plan: Plan) -> Path:
    """Build the world that always was as this one is after its change."""
    folder = root / f"{plan.scenario}-{plan.users}-{plan.seed}-always"
    if not (folder / "built").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _stages(folder, plan, plan.what.afterwards(plan.first), HISTORY_DAYS + DAYS - 30)
        (folder / "built").touch()
    return folder


def _stages(folder: Path, plan: Plan, drift: tuple[Drift, ...], days: int) -> None:
    make(folder)
    tree = settings(plan, drift, days)
    # The gate of a whole log lets pass what the gate of a day does not: that is found by day.
    open_gate = {**tree, "validation": {**tree["validation"], "max_quarantine_share": 1.0}}  # type: ignore[dict-item]
    (folder / "params.yaml").write_text(yaml.safe_dump(open_gate, sort_keys=False))
    for stage in STAGES:
        run(["churn", stage], folder)
    (folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))


def _slice(folder: Path, to: Path, first: int, days: int, start: date) -> None:
    """Cut the tables: what lies before a day, and every day from it on."""
    for name, behind in TABLES.items():
        table = pq.read_table(folder / "data" / f"{name}.parquet")
        place = to / name
        place.mkdir(parents=True)
        number = np.asarray(table["as_of_date"].to_numpy().astype("M8[D]") - np.datetime64(start))
        number = number.astype(int)
        order = np.argsort(number, kind="stable")
        edges = np.searchsorted(number[order], np.arange(days + 1))
        before = order[: edges[max(first - behind, 0)]]
        if to.parent == folder and to.name == "slices" and "seen" not in folder.parts:
            rows = table.take(pa.array(np.sort(before)))
            pq.write_table(rows, place / "part-00000.parquet", **FORMAT)
        for day in range(max(first - behind, 0), days - behind):
            rows = table.take(pa.array(order[edges[day] : edges[day + 1]]))
            pq.write_table(rows, place / _file(start + timedelta(days=day)), **FORMAT)


def _refused(folder: Path) -> dict[str, str]:
    """The days of which too large a share is set aside."""
    aside = pq.read_table(folder / "data/validation/quarantine_events.parquet")
    bad = Counter(str(time)[:10] for time in aside["event_time"].to_pylist())
    checks = Counter(aside["check"].to_pylist())
    days = pq.read_table(folder / "data/raw/events.parquet", columns=["event_time"])["event_time"]
    counts = pc.value_counts(days.cast(pa.timestamp("us")).cast(pa.date32())).to_pylist()
    total = {str(one["values"]): one["counts"] for one in counts}
    check = checks.most_common(1)[0][0] if checks else ""
    limit = load(folder / "params.yaml", environment={}).validation.max_quarantine_share
    shares = {day: count / total[day] for day, count in bad.items() if day in total}
    return {
        day: f"{check} {share:.1%} of the day's events were set aside"
        for day, share in sorted(shares.items())
        if share > limit
    }


def _file(day: date) -> str:
    return f"day-{day.isoformat()}.parquet"


class Walk:
    """A workspace into which the days of a world are brought one after the other.

    Parameters
    ----------
    world : World
    folder : Path
        Made anew; becomes the working directory.
    """

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / ".dvc").mkdir(parents=True)
        (folder / "dvc.yaml").touch()
        shutil.copy(world.folder / "params.yaml", folder / "params.yaml")
        os.chdir(folder)
        self.params = world.params()
        for name in TABLES:
            (folder / "data" / f"{name}.parquet").mkdir(parents=True)
            part = world.folder / "slices" / name / "part-00000.parquet"
            os.link(part, folder / "data" / f"{name}.parquet" / part.name)
        write_bad_days(self.params, [])
        self._told(world.plan.begin - timedelta(days=1))

    def bring(self, day: date) -> None:
        """Let a day arrive, and what arrives late of the days before."""
        slices = self.world.folder / "slices"
        seen = self.world.folder / "seen" / str(day) / "slices"
        for name, behind in TABLES.items():
            there = self.folder / "data" / f"{name}.parquet"
            last = day - timedelta(days=behind)
            for n in range(MAX_DELAY_DAYS + 1):
                one = last - timedelta(days=n)
                known = seen if (seen / name / _file(one)).exists() else slices
                source, target = known / name / _file(one), there / _file(one)
                if source.exists() and (n == 0 or target.exists()):
                    target.unlink(missing_ok=True)
                    os.link(source, target)
        self._told(day)

    def _told(self, day: date) -> None:
        calendar = {"first_day": self.world.plan.first.isoformat(), "last_day": day.isoformat()}
        report = {"status": "passed", "calendar": calendar, "tables": {}}
        write_json(self.folder / "data/validation/report.json", report)
        write_watermark(self.params, Watermark(day, True, source_of(self.params)))
