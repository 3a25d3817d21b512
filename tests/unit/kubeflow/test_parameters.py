"""The pipeline's parameters as overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.errors import ParamsError
from churn_mlops.kubeflow.parameters import KEYS, environment, name_of
from churn_mlops.params import load


def test_names_are_those_of_the_keys_and_tell_them_apart() -> None:
    assert name_of("data.synthetic.users") == "data_synthetic_users"
    assert len({name_of(key) for key in KEYS}) == len(KEYS)


def test_they_reach_the_stage_with_their_types(tmp_path: Path) -> None:
    """Kubeflow passes whole numbers as floats, also within what is nested."""
    given = {
        "data_synthetic_users": 400.0,
        "training_test_size": 0.25,
        "data_end_date": "2025-03-31",
        "overrides": {
            "features.windows_days": [7.0, 14.0],
            "validation.required": {"login": "amount"},
            "evaluation.tenure_days": [30.0],
        },
    }
    (tmp_path / "params.yaml").write_text("scoring: {top_k: 7}")
    found = load(tmp_path / "params.yaml", environment(given))
    assert found.data.synthetic.users == 400
    assert found.training.test_size == 0.25
    assert str(found.data.end_date) == "2025-03-31"
    assert found.features.windows_days == (7, 14)
    assert found.scoring.top_k == 7


def test_an_empty_text_leaves_what_is_there_and_overrides_win() -> None:
    given = {"data_end_date": "", "training_seed": 1, "overrides": {"training.seed": 2}}
    assert environment(given) == {"CHURN__TRAINING__SEED": "2"}


def test_a_name_that_is_none_is_another_compilation() -> None:
    with pytest.raises(ParamsError, match="'training_sed', which is no parameter") as found:
        environment({"training_sed": 1})
    assert "compile" in str(found.value.fix)
