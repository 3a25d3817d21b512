from __future__ import annotations

import numpy as np
import pytest

from churn_mlops.errors import BundleError
from churn_mlops.inference.explain import LEAST_CONTRIBUTION, Explainer, family
from churn_mlops.registry.calibration import Calibration
from tests.made_up import features
from tests.trained import bundle, trained

NAMES = ("baseline", "candidate")


def rows_of(name):
    table, _ = features(trained()[0], users=60, days=3, seed=5)
    columns = {feature: table[feature].to_numpy() for feature in bundle(name).meta.feature_names}
    return columns, bundle(name).encode(columns)


@pytest.fixture(scope="module")
def rows():
    return rows_of("baseline")


@pytest.mark.parametrize("name", NAMES)
def test_contributions_and_base_add_up_to_the_log_odds(name):
    _, matrix = rows_of(name)
    meta = bundle(name).meta
    explainer = Explainer(meta)
    log_odds = explainer.base + explainer.contributions(matrix).sum(axis=1)
    risks = bundle(name).score(matrix)
    np.testing.assert_allclose(meta.calibration.apply(log_odds), risks, atol=1e-6)
    explainer.require_sum(explainer.contributions(matrix), risks)


def change_leaf(meta):
    values = list(meta.trees.value)
    leaf = max(range(len(values)), key=lambda i: meta.trees.cover[i] * (meta.trees.feature[i] < 0))
    values[leaf] += 0.01
    return {"trees": meta.trees.model_copy(update={"value": tuple(values)})}


def change_coefficient(meta):
    weights = [weight + 0.01 for weight in meta.linear.coefficients]
    return {"linear": meta.linear.model_copy(update={"coefficients": tuple(weights)})}


def change_calibration(meta):
    made = Calibration(method="sigmoid", parameters=(0.9, 0.1))
    return {"calibration": made}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("baseline", change_coefficient),
        ("baseline", change_calibration),
        ("candidate", change_leaf),
        ("candidate", change_calibration),
    ],
)
def test_a_description_of_another_model_explains_nothing(name, change):
    columns, matrix = rows_of(name)
    meta = bundle(name).meta
    explainer = Explainer(meta.model_copy(update=change(meta)))
    with pytest.raises(BundleError, match="explain a risk up to"):
        explainer.reasons(matrix, columns, bundle(name).score(matrix))


def test_risks_that_are_no_numbers_are_not_explained(rows):
    columns, matrix = rows
    with pytest.raises(BundleError):
        Explainer(bundle().meta).reasons(matrix, columns, np.full(len(matrix), np.nan))


@pytest.mark.parametrize("name", NAMES)
def test_nobody_has_no_reasons(name):
    columns, matrix = rows_of(name)
    none = {feature: values[:0] for feature, values in columns.items()}
    assert Explainer(bundle(name).meta).reasons(matrix[:0], none, np.zeros(0)) == [[], [], []]


def test_a_typical_user_has_no_contributions():
    linear = bundle().meta.linear
    means = np.array(linear.means)[None]
    assert np.abs(Explainer(bundle().meta).contributions(means)).max() < 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_reasons_push_up_differ_in_subject_and_come_strongest_first(name):
    columns, matrix = rows_of(name)
    explainer = Explainer(bundle(name).meta)
    parts = explainer.contributions(matrix)
    reasons = explainer.reasons(matrix, columns, bundle(name).score(matrix))
    assert len(reasons) == 3
    names = bundle(name).meta.feature_names
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
    reasons = explainer.reasons(matrix, columns, bundle().score(matrix))
    said = {text for texts in reasons for text in texts if text}
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
    parts = explainer.contributions(matrix)
    risks = meta.calibration.apply(explainer.base + parts.sum(axis=1))
    said = explainer.reasons(matrix, columns, risks)[0]
    values = np.asarray(columns[number.name], dtype=float)
    mean = meta.features[place].mean
    present = np.flatnonzero(~np.isnan(values))
    assert explainer.contributions(matrix)[present, place].min() > 0
    assert {said[i] is not None for i in present} == {True, False}
    for i in present:
        assert (said[i] is not None) == (values[i] > mean)


@pytest.mark.parametrize("name", NAMES)
def test_reasons_do_not_depend_on_the_other_rows(name):
    columns, matrix = rows_of(name)
    explainer = Explainer(bundle(name).meta)
    risks = bundle(name).score(matrix)
    together = explainer.reasons(matrix, columns, risks)
    for i in range(0, len(matrix), 17):
        own = {name: values[i : i + 1] for name, values in columns.items()}
        alone = explainer.reasons(matrix[i : i + 1], own, risks[i : i + 1])
        assert [texts[0] for texts in alone] == [texts[i] for texts in together]


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
