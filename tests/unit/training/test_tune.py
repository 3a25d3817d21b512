"""Tuning: on training days only, resumable, and its result in the parameter file."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from churn_mlops.errors import ParamsError
from churn_mlops.params import load
from churn_mlops.training import tune
from tests.made_up import write_tables
from tests.trained import params_in

FILE = """\
# Mine.
training:
  test_end: null      # stays null
  candidate: {num_leaves: 31, max_rounds: 40}   # trees
scoring: {top_k: 5}
"""
CHOSEN = {
    "num_leaves": 12,
    "max_depth": 4,
    "learning_rate": 0.0512345,
    "min_rows_per_leaf": 50,
    "feature_share": 0.5,
    "row_share": 0.9,
    "l2": 2.0,
}


def test_the_file_keeps_comments_order_and_nulls(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(FILE)
    tune.write_candidate(path, CHOSEN)
    text = path.read_text()
    assert text.startswith("# Mine.\ntraining:\n  test_end: null      # stays null\n")
    tree = yaml.safe_load(text)
    assert tree["training"]["candidate"] == {**CHOSEN, "learning_rate": 0.0512, "max_rounds": 40}
    assert load(path, {}).training.candidate.num_leaves == 12


def test_a_file_without_the_section_is_an_error(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("scoring: {top_k: 5}\n")
    with pytest.raises(ParamsError, match="no section 'training'"):
        tune.write_candidate(path, CHOSEN)
    assert path.read_text() == "scoring: {top_k: 5}\n"


def test_the_study_follows_from_what_makes_values_comparable(tmp_path):
    params = params_in(tmp_path)
    name = tune.study_name(params, "digest")
    assert name == tune.study_name(tune.with_candidate(params, CHOSEN), "digest")
    assert name != tune.study_name(params, "other")
    assert name != tune.study_name(
        params_in(tmp_path, churn={"window_days": 5, "active_within_days": 30}), "digest"
    )
    assert name != tune.study_name(
        params_in(tmp_path, training={"candidate": {"max_rounds": 7}}), "digest"
    )


def test_present_parameters_outside_of_the_space_enter_at_its_border(tmp_path):
    params = params_in(tmp_path, training={"candidate": {"num_leaves": 500, "l2": 0.0}})
    found = tune.present(params)
    assert found["num_leaves"] == 127
    assert found["l2"] == 0.1
    assert type(found["num_leaves"]) is int


def test_fixed_rounds_do_not_hinder_the_search(tmp_path):
    params = params_in(tmp_path, training={"candidate": {"rounds": 5}})
    assert tune.with_candidate(params, CHOSEN).training.candidate.rounds is None


def test_test_days_are_not_looked_at(tmp_path):
    """Whatever the test days hold, a trial's value is the same."""
    values = []
    for flipped in (False, True):
        folder = tmp_path / str(flipped)
        params = params_in(folder, tables={"format": "parquet"})
        path = write_tables(params)
        if flipped:
            _flip_last_labels(path, params)
        values.append(tune.prepare(params)[1](params))
    assert values[0] == values[1]


def _flip_last_labels(path: Path, params) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part in sorted(path.iterdir()) if path.is_dir() else [path]:
        table = pq.read_table(part)
        days = table["as_of_date"].to_numpy()
        late = days > np.datetime64("2025-02-12")
        assert late.any()
        label = np.where(late, 1 - table["churn_label"].to_numpy(), table["churn_label"].to_numpy())
        place = table.column_names.index("churn_label")
        column = pa.array(label.astype(np.int8))
        pq.write_table(table.set_column(place, table.schema.field(place), column), part)


@pytest.mark.slow
def test_a_search_goes_on_and_its_trials_are_nested_runs(tmp_path):
    from mlflow import MlflowClient

    params = params_in(tmp_path, training={"candidate": {"max_rounds": 30}})
    write_tables(params)
    path = tmp_path / "params.yaml"
    path.write_text("training: {candidate: {max_rounds: 30}}\n")
    first = tune.run(params, path, minutes=1, trials=2)
    second = tune.run(params, path, minutes=1, trials=2)
    assert first.rows == second.rows == {"trials": 2}
    assert second.facts["best"] >= first.facts["best"] >= first.facts["before"]
    assert second.facts["before"] == first.facts["before"]
    client = MlflowClient(tracking_uri=params.tracking.uri)
    experiment = client.get_experiment_by_name("churn").experiment_id
    parent = second.facts["mlflow_run"]
    found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    assert {run.data.tags["mlflow.runName"] for run in found} == {"trial 2", "trial 3"}
    assert all("validation_pr_auc" in run.data.metrics for run in found)


@pytest.mark.slow
def test_present_parameters_are_tried_even_when_a_study_is_there(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("training: {candidate: {max_rounds: 30, rounds: 9}}\n")
    over = {"max_rounds": 30, "rounds": 9}
    params = params_in(tmp_path, training={"candidate": over})
    write_tables(params)
    tune.run(params, path, minutes=1, trials=1)
    assert yaml.safe_load(path.read_text())["training"]["candidate"] == over
    edited = params_in(tmp_path, training={"candidate": over | {"num_leaves": 3, "max_depth": 1}})
    found = tune.run(edited, path, minutes=1, trials=1)
    assert found.facts["before"] is not None
    written = yaml.safe_load(path.read_text())["training"]["candidate"]
    better = found.facts["best"] > found.facts["before"]
    assert (written.get("num_leaves") is not None) == better
    assert written["rounds"] == (None if better else 9)
