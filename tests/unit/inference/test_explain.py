from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.errors import BundleError
from churn_mlops.inference.explain import LEAST_CONTRIBUTION, Explainer, family
from tests.made_up import features
from tests.trained import bundle, trained


@pytest.fixture(scope="module")
def rows():
    table, _ = features(trained()[0], users=60, days=3, seed=5)
    columns = {name: table[name].to_numpy() for name in bundle().meta.feature_names}
    return columns, bundle().encode(columns)


def test_contributions_and_base_add_up_to_the_log_odds(rows):
    _, matrix = rows
    explainer = Explainer(bundle().meta)
    log_odds = explainer.base + explainer.contributions(matrix).sum(axis=1)
    risks = bundle().score(matrix)
    np.testing.assert_allclose(1 / (1 + np.exp(-log_odds)), risks, atol=1e-6)


def test_a_typical_user_has_no_contributions():
    linear = bundle().meta.linear
    means = np.array(linear.means)[None]
    assert np.abs(Explainer(bundle().meta).contributions(means)).max() < 1e-9


def test_reasons_push_up_differ_in_subject_and_come_strongest_first(rows):
    columns, matrix = rows
    explainer = Explainer(bundle().meta)
    parts = explainer.contributions(matrix)
    reasons = explainer.reasons(matrix, columns)
    assert len(reasons) == 3
    names = bundle().meta.feature_names
    wording = explainer._wording
    for i in range(len(matrix)):
        said = [texts[i] for texts in reasons if texts[i] is not None]
        by_text = {wording.say(f, columns[n][i]): f for f, n in enumerate(names)}
        speakers = [by_text[text] for text in said]
        strengths = [parts[i, f] for f in speakers]
        assert strengths == sorted(strengths, reverse=True)
        assert all(strength >= LEAST_CONTRIBUTION for strength in strengths)
        assert len({family(names[f]) for f in speakers}) == len(speakers)
    assert any(text for text in reasons[0])


def test_a_reason_never_contradicts_the_direction_seen_in_training(rows):
    columns, matrix = rows
    explainer = Explainer(bundle().meta)
    said = {text for texts in explainer.reasons(matrix, columns) for text in texts if text}
    for i, facts in enumerate(bundle().meta.features):
        if facts.kind == "numeric" and facts.direction > 0:
            lowest = np.nanmin(np.asarray(columns[facts.name], dtype=float))
            assert explainer._wording.say(i, lowest) not in said


def test_the_presence_of_a_number_that_lowers_the_risk_is_no_reason(rows):
    columns, matrix = rows
    meta = bundle().meta
    number = next(n for n in meta.encoding.numeric if n.missing)
    place = meta.feature_names.index(number.name)
    column = [name for name, _ in meta.encoding.matrix_columns]
    coefficients = dict.fromkeys(column, 0.0)
    # The number raises the risk where it is high; being present raises it always.
    coefficients |= {number.name: 1.0, f"{number.name}=<missing>": -50.0}
    linear = meta.linear.model_copy(update={"coefficients": tuple(coefficients.values())})
    facts = [f.model_copy(update={"direction": 1}) for f in meta.features]
    explainer = Explainer(meta.model_copy(update={"linear": linear, "features": tuple(facts)}))
    said = explainer.reasons(matrix, columns)[0]
    mean = linear.means[column.index(number.name)]
    encoded = matrix[:, column.index(number.name)]
    present = np.flatnonzero(~np.isnan(np.asarray(columns[number.name], dtype=float)))
    assert explainer.contributions(matrix)[present, place].min() > 0
    assert {said[i] is not None for i in present} == {True, False}
    for i in present:
        assert (said[i] is not None) == (encoded[i] > mean)


def test_reasons_do_not_depend_on_the_other_rows(rows):
    columns, matrix = rows
    explainer = Explainer(bundle().meta)
    together = explainer.reasons(matrix, columns)
    for i in range(0, len(matrix), 17):
        own = {name: values[i : i + 1] for name, values in columns.items()}
        alone = explainer.reasons(matrix[i : i + 1], own)
        assert [texts[0] for texts in alone] == [texts[i] for texts in together]


def test_other_models_have_no_linear_explanation():
    meta = bundle().meta.model_copy(update={"linear": None, "family": "trees"})
    with pytest.raises(BundleError, match="trees"):
        Explainer(meta)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("logins_7d", "logins"),
        ("logins_count", "logins"),
        ("watch_minutes_sum", "watch_minutes"),
        ("watch_minutes_trend_7d_30d", "watch_minutes"),
        ("is_active_day", "active_days"),
        ("active_days_30d", "active_days"),
        ("total_events", "events"),
        ("plan", "plan"),
    ],
)
def test_windows_of_one_thing_are_a_family(name, subject):
    assert family(name) == subject
