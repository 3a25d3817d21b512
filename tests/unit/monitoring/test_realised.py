"""The truth: labels beside what was predicted, users without one counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from churn_mlops.errors import ContractError
from churn_mlops.inference.decision import expected_profit
from churn_mlops.inference.kept import Batch, kept, meaning_of
from churn_mlops.monitoring.realised import Outcome, open_labels
from churn_mlops.params import Value
from churn_mlops.tables import contracts
from tests.watched import DAYS, WINDOW, day, log, score, watched

LAST = DAYS - 1
VALUE = Value(customer_value=100, contact_cost=1, offer_cost=5, success_rate=0.4)


@pytest.fixture(scope="module", params=["csv", "parquet"])
def params(request, tmp_path_factory):
    made = watched(tmp_path_factory.mktemp("realised"), tables={"format": request.param})
    score(made, [70])
    return made


def read(params) -> Batch:
    return kept(params)[0].read()


def test_every_user_meets_the_own_label(params) -> None:
    table, labels = log()
    batch = read(params)
    of_day = table["as_of_date"].to_numpy() == np.datetime64(day(70))
    known = dict(zip(table["user_id"].to_numpy()[of_day].tolist(), labels[of_day], strict=True))
    with open_labels(params, day(LAST)) as source:
        found = source.of(batch)
    expected = [known[user] for user in batch.users.to_pylist()]
    assert found.labels.tolist() == expected
    assert found.risks.tolist() == batch.risks.tolist()
    assert found.unlabelled == 0
    metrics = found.metrics(VALUE)
    assert metrics["pr_auc"] == pytest.approx(average_precision_score(expected, batch.risks))
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(expected, batch.risks), abs=1e-6)
    contacted = np.array(expected, float)[batch.decisions == "contact"]
    assert metrics["profit"] == pytest.approx(expected_profit(contacted, VALUE).sum())


def test_users_without_a_label_are_counted(params) -> None:
    batch = read(params)
    more = replace(
        batch,
        users=pa.concat_arrays([pa.array([10**9]), batch.users]),
        risks=np.r_[0.5, batch.risks],
        decisions=np.r_[np.array(["contact"], object), batch.decisions],
    )
    with open_labels(params, day(LAST)) as source:
        found, before = source.of(more), source.of(batch)
    assert found.unlabelled == 1
    assert found.metrics(VALUE) == before.metrics(VALUE)


def test_a_day_that_is_not_in_the_labels_has_nobody(params) -> None:
    away = replace(read(params), day=day(-10))
    with open_labels(params, day(LAST)) as source:
        found = source.of(away)
    assert (len(found), found.unlabelled) == (0, len(away))
    assert found.metrics(VALUE) == {"pr_auc": None, "roc_auc": None, "profit": None}


@pytest.mark.parametrize(
    ("last", "there"), [(70 + WINDOW, True), (70 + WINDOW - 1, False), (LAST, True)]
)
def test_labels_are_there_when_the_horizon_has_passed(params, last, there) -> None:
    with open_labels(params, day(last)) as source:
        assert source.are_there(read(params)) is there


def test_predictions_of_another_meaning_of_churn_are_not_graded(params) -> None:
    other = meaning_of(params.churn.model_copy(update={"window_days": 5}))
    with open_labels(params, day(LAST)) as source:
        assert not source.are_there(replace(read(params), meaning=other))


def test_ids_of_another_type_are_an_error(params) -> None:
    batch = read(params)
    text = replace(batch, users=batch.users.cast(pa.string()))
    with open_labels(params, day(LAST)) as source, pytest.raises(ContractError, match="of type"):
        source.of(text)


def test_missing_labels_name_the_way(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [70])
    contracts.labels_daily(params).path(params).unlink()
    with open_labels(params, day(LAST)) as source:
        assert source.are_there(read(params))
        with pytest.raises(ContractError, match="labels_daily"):
            source.of(read(params))


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_has_no_ranking_metric_but_a_profit(label: int) -> None:
    outcome = Outcome(np.array([0.1, 0.9]), np.full(2, label), np.array([False, True]), 0)
    found = outcome.metrics(VALUE)
    assert (found["pr_auc"], found["roc_auc"]) == (None, None)
    assert found["profit"] == pytest.approx(37.0 if label else -6.0)
    assert "profit" not in outcome.metrics(None)
