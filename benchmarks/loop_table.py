"""The table of `loop.py`."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

import numpy as np
from loop_world import FIRST

from churn_mlops.loop.scenarios import SCENARIOS
from churn_mlops.loop.stage import Plan

POLICIES = ("ours", "psi", "never")


def table(results: list[dict[str, Any]], window_days: int = 30) -> str:
    """The table of docs/benchmarks.md."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for one in results:
        if "error" not in one:
            groups[one["scenario"], one["policy"]].append(one)
    head = ("scenario", "policy", "seeds", "trainings", "promotions", "on bad days", "put back",
            "alarms before", "first alarm", "days to train", "relative PR-AUC")  # fmt: skip
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for name in SCENARIOS:
        for policy in POLICIES:
            runs = groups.get((name, policy), [])
            if runs:
                lines.append(f"| {' | '.join(_row(name, policy, runs, window_days))} |")
    return "\n".join(lines)


def _row(name: str, policy: str, runs: list[dict[str, Any]], window_days: int) -> list[str]:
    what, change = SCENARIOS[name], Plan(name, 1, 0, FIRST).change
    bad = {day.isoformat() for day in what.bad_days(change)}
    known = what.learnable(change, window_days)
    mean = {key: np.mean([len(one[key]) for one in runs])
            for key in ("retrains", "promotions", "reverts")}  # fmt: skip
    on_bad = [np.mean([len(bad & set(one[key])) for one in runs]) for key in
              ("retrains", "promotions")]  # fmt: skip
    before = np.mean([sum(day < str(change) for day in one["alarms"]) for one in runs])
    alarm = [_days(change, one["alarms"]) for one in runs]
    trained = [_days(known, one["retrains"]) for one in runs] if known else []
    relative = [one["relative"] for one in runs]
    return [
        name,
        policy,
        str(len(runs)),
        f"{mean['retrains']:.1f}",
        f"{mean['promotions']:.1f}",
        f"{on_bad[0]:.1f} / {on_bad[1]:.1f}" if bad else "",
        f"{mean['reverts']:.1f}",
        f"{before:.1f}" if policy != "never" else "",
        _told(alarm) if name != "calm" and policy != "never" else "",
        _told(trained) if known and policy != "never" else "",
        f"{np.mean(relative):.3f} ({min(relative):.3f})",
    ]


def _days(since: date, days: list[str]) -> int | None:
    """Days from one day to the first of others that is not before it."""
    later = [(date.fromisoformat(day) - since).days for day in days if day >= since.isoformat()]
    return min(later, default=None)


def _told(days: list[int | None]) -> str:
    """Median and most of the days, and how often it never happened."""
    there = [day for day in days if day is not None]
    missing = f", {len(days) - len(there)} never" if len(there) < len(days) else ""
    return f"{np.median(there):.0f} (to {max(there)}){missing}" if there else "never"
