"""Plants faults in a copy of the code; the tests named beside each fault must notice it.

Each mutant is one replacement in one module of the kind that went unnoticed elsewhere: inverted
labels, a horizon of one day, a gate that lets everything through, scores that belong to the
wrong users.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LABELS = "tests/unit/training/test_build_labels.py"
FEATURES = "tests/unit/features/test_build_features.py"
ELIGIBLE = "tests/unit/features/test_eligibility.py"


class Mutant(NamedTuple):
    """A replacement in a module below `src/churn_mlops/` and the tests that must fail."""

    module: str
    old: str
    new: str
    tests: str


MUTANTS = {
    "labels inverted": Mutant(
        "training/build_labels.py", "future_active_days == 0", "future_active_days != 0", LABELS
    ),
    "horizon of one day": Mutant(
        "training/build_labels.py", "lead(params.churn.window_days)", "lead(1)", LABELS
    ),
    "horizon a day short": Mutant(
        "training/build_labels.py",
        "lead(params.churn.window_days)",
        "lead(params.churn.window_days - 1)",
        LABELS,
    ),
    "the day itself counts as future": Mutant(
        "training/build_labels.py", "later - running.active", "later - running.active + 1", LABELS
    ),
    "immature rows get labels": Mutant(
        "training/build_labels.py",
        "future_active_days=later - running.active",
        "future_active_days=later.fill_null(0.0) - running.active",
        LABELS,
    ),
    "labels of all users together": Mutant(
        "training/build_labels.py",
        'by_day = ibis.window(group_by="user_id", order_by="as_of_date")',
        'by_day = ibis.window(order_by="as_of_date")',
        LABELS,
    ),
    "training rows that are not eligible": Mutant(
        "features/eligibility.py",
        "features.filter(features.is_eligible == 1)",
        "features.filter(features.is_eligible >= 0)",
        "tests/unit/training/test_build_training_set.py",
    ),
    "label of another day": Mutant(
        "training/build_training_set.py",
        'rows.join(label, ["user_id", "as_of_date"])',
        'rows.join(label.drop("as_of_date"), ["user_id"])',
        "tests/unit/training/test_build_training_set.py",
    ),
    "features see tomorrow": Mutant(
        "features/build_features.py",
        'so_far = ibis.window(group_by="user_id", order_by="as_of_date", following=0)',
        'so_far = ibis.window(group_by="user_id", order_by="as_of_date", following=1)',
        FEATURES,
    ),
    "window a day long": Mutant(
        "features/build_features.py", "run.lag(window)", "run.lag(window + 1)", FEATURES
    ),
    "windows reach over users": Mutant(
        "features/build_features.py",
        'by_day = ibis.window(group_by="user_id", order_by="as_of_date")',
        'by_day = ibis.window(order_by=["user_id", "as_of_date"])',
        FEATURES,
    ),
    "mean over days without a value": Mutant(
        "features/build_features.py",
        'daily[name].notnull().cast("float64")',
        '(daily.total_events >= 0).cast("float64")',
        FEATURES,
    ),
    "weekend on Monday": Mutant(
        "features/build_features.py",
        "day_of_week.index() >= 5",
        "day_of_week.index() <= 1",
        FEATURES,
    ),
    "static columns of another user": Mutant(
        "features/build_features.py",
        'flagged.join(static, "user_id")',
        "flagged.join(static.mutate(user_id=static.user_id + 1), 'user_id')",
        FEATURES,
    ),
    "active window a day long": Mutant(
        "features/eligibility.py", 'unit="day") < within', 'unit="day") <= within', ELIGIBLE
    ),
    "never active is eligible": Mutant(
        "features/eligibility.py",
        "return rule.fill_null(False)",
        "return rule.fill_null(True) | last_active.isnull()",
        ELIGIBLE,
    ),
    "subscription may end before the horizon": Mutant(
        "features/eligibility.py",
        "days_left >= params.churn.window_days",
        "days_left >= 0",
        ELIGIBLE,
    ),
    "rows before sign-up": Mutant(
        "data/prepare_dataset.py",
        "grid.filter(grid.as_of_date >= grid.begin)",
        "grid.filter(grid.as_of_date >= grid.as_of_date)",
        FEATURES,
    ),
    "any event makes a day active": Mutant(
        "data/prepare_dataset.py",
        "kind.isin(active).cast",
        "kind.notnull().cast",
        FEATURES,
    ),
    "sums over all event types": Mutant(
        "data/prepare_dataset.py",
        "return value if types is None else kind.isin(types)",
        "return value if types else kind.isin(types)",
        FEATURES,
    ),
}


def survives(mutant: Mutant, folder: Path) -> str | None:
    """Run the tests against the mutated copy; return their output when they do not notice."""
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "src" / "churn_mlops" / mutant.module
    text = path.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.module} holds {mutant.old!r} not exactly once"
    path.write_text(text.replace(mutant.old, mutant.new))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    environment = os.environ | {
        "PYTHONPATH": str(folder / "src"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
    }
    done = subprocess.run(
        [*command, *mutant.tests.split()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    killed = done.returncode == 1 and " failed" in done.stdout
    return None if killed else done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_noticed(name: str, tmp_path: Path) -> None:
    left = survives(MUTANTS[name], tmp_path)
    assert left is None, f"'{name}' survives:\n{left}"
