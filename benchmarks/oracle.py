"""How near the champion comes to the best possible score.

Runs the pipeline on the synthetic portal, then compares the models with the generator's own
probabilities on the same test rows:

    python benchmarks/oracle.py --users 20000
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score
from workspace import STAGES, make, run

from churn_mlops import engine
from churn_mlops.data.generate_synthetic import inactivity_probability
from churn_mlops.features.catalogue import model_features
from churn_mlops.params import Params, load
from churn_mlops.registry.bundle import load_bundle
from churn_mlops.tables import scan
from churn_mlops.training.build_training_set import dataset_contract
from churn_mlops.training.evaluate import calibration_error
from churn_mlops.training.rows import Rows, read_rows, rows_per_day
from churn_mlops.training.simple_rules import rule_scores
from churn_mlops.training.split import split_days


def test_rows(params: Params) -> Rows:
    """The rows of the test days."""
    names = [feature.name for feature in model_features(params)]
    with engine.connect(params) as con:
        table = scan(con, dataset_contract(params), params)
        days = split_days(rows_per_day(table), params).test_days
        return read_rows(con, table, names, days, params)


def oracle(rows: Rows, params: Params) -> np.ndarray:
    """The generator's own probability for each row."""
    start = params.data.start_date
    assert start is not None
    found = np.empty(len(rows))
    for day in np.unique(rows.days):
        number = (day.item() - start).days
        window = params.churn.window_days
        table = inactivity_probability(params.data.synthetic, start, number, window)
        ids, known = table["user_id"].to_numpy(), table["probability"].to_numpy()
        here = rows.days == day
        order = np.argsort(ids)
        found[here] = known[order][np.searchsorted(ids[order], rows.users[here])]
    return found


def compare(params: Params) -> list[tuple[str, float, float]]:
    """Name, PR-AUC and expected calibration error of each, the oracle first."""
    rows = test_rows(params)
    scores = {"the generator's own probability": oracle(rows, params)}
    for name in ("production", "models/candidate", "models/baseline"):
        bundle = load_bundle(Path(params.paths.artifacts) / name)
        title = "champion" if name == "production" else bundle.meta.family
        scores[title] = bundle.score(bundle.encode(rows.columns))
    found = [
        (name, average_precision_score(rows.labels, risks), calibration_error(rows.labels, risks))
        for name, risks in scores.items()
    ]
    for name, ranks in rule_scores(rows.columns, params).items():
        found.append((name, average_precision_score(rows.labels, ranks), float("nan")))
    return found


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=42)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = make(Path(temporary) / "work")
        over = {
            "CHURN__DATA__SYNTHETIC__USERS": str(chosen.users),
            "CHURN__DATA__SYNTHETIC__SEED": str(chosen.seed),
            "CHURN__TABLES__FORMAT": "parquet",
        }
        for stage in STAGES[:-1]:
            run(["churn", stage], folder, over)
        os.chdir(folder)
        found = compare(load("params.yaml", over))
    best = found[0][1]
    print(f"{chosen.users:,} users, seed {chosen.seed}\n")
    print("| | PR-AUC | share of the best | calibration error |\n|---|---|---|---|")
    for name, value, error in found:
        shown = "" if np.isnan(error) else f"{error:.4f}"
        print(f"| {name} | {value:.4f} | {value / best:.1%} | {shown} |")


if __name__ == "__main__":
    main()
