"""Exactness and speed of the reasons' contributions against LightGBM's pred_contrib.

Both explain the same rows with the same model, in turns: 300 trees of 31 leaves over 45 columns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "2")

import lightgbm
import numpy as np

from churn_mlops.inference.tree_shap import TreeContributions
from churn_mlops.training.boosted_trees import trees_of

COLUMNS, CATEGORICAL = 45, 5
SIZES = (1, 1_000, 20_000)


def model(depth: int, threads: int) -> tuple[lightgbm.Booster, np.ndarray]:
    """Train on made-up rows with missing values and categories."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(30_000, COLUMNS)).astype(np.float32)
    matrix[:, -CATEGORICAL:] = rng.integers(0, 8, size=(len(matrix), CATEGORICAL))
    matrix[rng.random(matrix.shape) < 0.03] = np.nan
    known = np.nan_to_num(matrix)
    signal = known[:, :10].sum(axis=1) + known[:, 3] * known[:, 4] + 2 * (known[:, 41] == 3)
    labels = (signal + 2 * rng.normal(size=len(matrix)) > 1).astype(int)
    options = {
        "objective": "binary",
        "num_leaves": 31,
        "max_depth": depth,
        "min_data_in_leaf": 50,
        "max_cat_to_onehot": 1_000,
        "num_threads": threads,
        "verbosity": -1,
    }
    columns = list(range(COLUMNS - CATEGORICAL, COLUMNS))
    data = lightgbm.Dataset(matrix, labels, categorical_feature=columns)
    return lightgbm.train(options, data, 300), matrix


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], runs: int) -> list[float]:
    """Median seconds of either, run in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for work, seconds in zip((ours, theirs), taken, strict=True):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
    return [statistics.median(seconds) for seconds in taken]


def main() -> None:
    """Print one line per depth and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of LightGBM; ours is one")
    chosen = parser.parse_args()
    print("| depth | rows | ours | pred_contrib | ratio | largest difference |")
    print("|---|---|---|---|---|---|")
    for depth in (8, 12):
        booster, matrix = model(depth, chosen.threads)
        contributions = TreeContributions(trees_of(booster.dump_model()), COLUMNS)
        started = time.perf_counter()
        parts = [part for tree in contributions._parts for part in tree]
        build = time.perf_counter() - started
        for rows in SIZES:
            block = matrix[:rows]
            explain = contributions.one if rows == 1 else contributions.many
            found, expected = explain(block), booster.predict(block, pred_contrib=True)
            gap = np.abs(found - expected[:, :-1]).max()
            runs = 300 if rows == 1 else chosen.runs if rows <= 1_000 else 2
            ours, theirs = in_turns(
                lambda block=block, explain=explain: explain(block),
                lambda block=block, booster=booster: booster.predict(block, pred_contrib=True),
                runs,
            )
            print(
                f"| {depth} | {rows:,} | {ours * 1e3:,.2f} ms | {theirs * 1e3:,.2f} ms"
                f" | {theirs / ours:.1f} | {gap:.1g} |",
                flush=True,
            )
        size = sum(part.table.nbytes for part in parts) / 1e6
        print(f"\ndepth {depth}: {len(parts)} tables, {size:.0f} MB, made in {build:.1f} s\n")


if __name__ == "__main__":
    main()
