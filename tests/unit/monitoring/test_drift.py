"""The check as a whole: each fault is found and named, a calm day is left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_mlops import engine
from churn_mlops.errors import BundleError, ContractError, NotEnoughDataError, ParamsError
from churn_mlops.features.catalogue import features_contract
from churn_mlops.monitoring import drift
from churn_mlops.monitoring.day import day_of
from churn_mlops.monitoring.reference import reference_of
from churn_mlops.params import DriftCheck, Params
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from churn_mlops.registry.profile import Profile
from churn_mlops.tables import write
from tests.made_up import FIRST, features
from tests.trained import bundle_folder, trained
from tests.unit.monitoring.portal import DAY, IMPORTANCE, reference, values

SETTINGS = DriftCheck(moves_by_itself=("age",))
REFERENCE = reference()
LAST = FIRST + timedelta(days=59)


def judged(users=500, seed=5, **changes):
    made = values(np.random.default_rng(seed), users) | changes
    return drift.check(REFERENCE, day_of(DAY, made, REFERENCE), [], SETTINGS, 1)


def some(share, users=500):
    return np.random.default_rng(9).random(users) < share


def base(name, users=500):
    return values(np.random.default_rng(5), users)[name]


FAULTS = {
    "far away": ("score", np.where(some(0.4), base("score") + 1_000, base("score"))),
    "flag": ("flag", some(0.6).astype(float)),
    "fewer zeros": ("minutes", np.where(some(0.3), 5.0, base("minutes"))),
    "seconds": ("minutes", base("minutes") * 60),
    "doubled": ("minutes", base("minutes") * 2),
    "missing": ("logins", np.where(some(0.2), np.nan, base("logins"))),
    "all missing": ("logins", np.full(500, np.nan)),
    "constant": ("score", np.full(500, 70.0)),
    "countries": ("country", np.where(some(0.4), "MX", base("country").astype(str)).astype(object)),
    "risk": ("churn_risk", np.random.default_rng(1).beta(4, 4, 500)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_named_first(name):
    column, changed = FAULTS[name]
    report = judged(**{column: changed})
    assert report.status != "OK"
    assert report.findings[0].column == column
    assert column.replace("churn_", "") in report.headline


def test_calm_days_are_left_alone():
    assert [judged(seed=seed).status for seed in range(20)].count("OK") >= 19


def test_the_age_of_the_accounts_moves_by_itself():
    report = judged(age=base("age") + 100)
    assert report.status == "OK"
    assert next(c for c in report.columns if c.column == "age").level == "MUTED"


def mixed_up(**settings):
    """A day whose columns keep their distributions, but not what one says about another."""
    against = reference_of(bound(0), {"one": 0.5, "other": 0.5})
    made = bound(1).columns | {"churn_risk": bound(1).risks}
    made["other"] = np.random.default_rng(4).permutation(made["other"])
    changed = SETTINGS.model_copy(update=settings)
    return drift.check(against, day_of(DAY, made, against), [], changed, 1)


def bound(seed, rows=600):
    rng = np.random.default_rng(seed)
    one = rng.normal(size=rows)
    columns = {"one": one, "other": one + 0.5 * rng.normal(size=rows)}
    days = np.repeat(np.datetime64("2025-03-05") + 7 * np.arange(3), rows // 3)
    return Profile(columns, days, np.arange(rows), rng.random(rows), np.zeros(rows, int))


@pytest.mark.parametrize(
    ("warn", "fail", "level"),
    [
        (-0.1, 0.0, "FAIL"),
        (0.0, 0.0, "FAIL"),
        (-0.1, 0.001, "WARN"),
        (0.0, 0.001, "WARN"),
        (0.001, 0.1, "OK"),
    ],
)
def test_the_classifier_warns_from_warn_auc_and_fails_from_fail_auc_on(warn, fail, level):
    reached = mixed_up().joint.roc_auc
    report = mixed_up(warn_auc=reached + warn, fail_auc=reached + fail)
    assert report.joint_level == level
    assert report.status == level
    found = [f.level for f in report.findings if f.check == "CHN413"]
    assert found == ([] if level == "OK" else [level])


def test_the_classifier_alarms_at_the_rates_of_warn_and_of_fail():
    joint = mixed_up().joint
    sure = {"warn_auc": joint.roc_auc, "fail_auc": joint.roc_auc}
    # Of several tests each has only a share of the rate.
    rare = joint.p_value
    assert mixed_up(**sure, false_alarm_rate=rare).joint_level == "WARN"
    assert mixed_up(**sure, false_alarm_rate=rare, warn_alarm_rate=rare).joint_level == "OK"


def test_very_few_users_are_judged_without_a_classifier():
    report = judged(users=20)
    assert report.joint is None
    assert report.status == "OK"


def test_the_verdict_is_the_same_each_time():
    assert judged().as_json() == judged().as_json()


@pytest.fixture
def params(tmp_path):
    tree = trained()[0].model_dump()
    tree["paths"] = {"data": str(tmp_path / "data"), "artifacts": str(tmp_path / "artifacts")}
    made = Params.model_validate(tree)
    copy_bundle(bundle_folder("candidate"), production_folder(made))
    return made


def put(params, change=None, drop=(), users=400):
    table, _ = features(trained()[0], users=users, days=60, seed=3)
    if change:
        name, values_ = change
        place = table.schema.get_field_index(name)
        last = pa.array(np.array(table["as_of_date"].to_pylist()) == LAST)
        mixed = pa.compute.if_else(last, pa.scalar(values_, table[name].type), table[name])
        table = table.set_column(place, name, mixed)
    with engine.connect(params) as con:
        write(con, table, features_contract(params), params)
    if drop:
        path = features_contract(params).path(params)
        lines = [line.split(",") for line in path.read_text().splitlines()]
        kept = [i for i, name in enumerate(lines[0]) if name not in drop]
        path.write_text("\n".join(",".join(line[i] for i in kept) for line in lines) + "\n")


def test_the_stage_writes_the_day_and_the_latest(params):
    put(params)
    summary = drift.run(params)
    dated, latest = summary.outputs
    assert dated.name == f"{LAST}.json"
    assert dated.read_text() == latest.read_text()
    body = json.loads(latest.read_text())
    assert body["users"] == summary.rows["users"]
    assert body["model_version"] == summary.facts["model_version"]
    assert (body["status"], body["risk"]["level"]) == ("OK", "OK")
    assert summary.as_text(1.0).splitlines()[0] == body["headline"]


def test_earlier_days_are_checked_without_looking_ahead(params):
    put(params, change=("logins_7d", 500))
    earlier = drift.run(params, LAST - timedelta(days=1))
    assert earlier.facts["as_of_date"] == str(LAST - timedelta(days=1))
    assert earlier.facts["status"] == "OK"
    late = drift.run(params)
    assert (late.facts["status"], late.facts["findings"][0]["column"]) == ("FAIL", "logins_7d")


def test_a_number_that_became_text(params):
    put(params)
    path = features_contract(params).path(params)
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index("watch_minutes_7d")
    cells = lines[-1].split(",")
    cells[place] = "12 min"
    path.write_text("\n".join([*lines[:-1], ",".join(cells)]) + "\n")
    with pytest.raises(ContractError, match="12 min"):
        drift.run(params)


def test_the_parameters_of_today_do_not_hide_a_column(params):
    put(params)
    tree = params.model_dump()
    tree["features"]["windows_days"] = (7, 30)
    assert drift.run(Params.model_validate(tree)).facts["status"] == "OK"


def test_days_of_the_reference_are_no_days_to_check(params):
    put(params)
    with pytest.raises(NotEnoughDataError, match="not later than the champion's test days"):
        drift.run(params, FIRST + timedelta(days=45))


def test_the_day_to_score_is_the_day_to_check(params):
    put(params)
    earlier = LAST - timedelta(days=2)
    tree = params.model_dump() | {"scoring": {"as_of_date": earlier}}
    assert drift.run(Params.model_validate(tree)).facts["as_of_date"] == str(earlier)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_both_formats(tmp_path, form):
    tree = trained()[0].model_dump() | {"tables": {"format": form}}
    tree["paths"] = {"data": str(tmp_path / "data"), "artifacts": str(tmp_path / "artifacts")}
    made = Params.model_validate(tree)
    copy_bundle(bundle_folder("candidate"), production_folder(made))
    put(made)
    assert drift.run(made).facts["status"] == "OK"


def test_a_number_that_became_text_in_parquet_is_gone(tmp_path):
    tree = trained()[0].model_dump() | {"tables": {"format": "parquet"}}
    tree["paths"] = {"data": str(tmp_path / "data"), "artifacts": str(tmp_path / "artifacts")}
    made = Params.model_validate(tree)
    copy_bundle(bundle_folder("candidate"), production_folder(made))
    table, _ = features(trained()[0], users=400, days=60, seed=3)
    place = table.schema.get_field_index("logins_7d")
    text = table["logins_7d"].cast(pa.string())
    folder = features_contract(made).path(made)
    folder.mkdir(parents=True)
    pq.write_table(table.set_column(place, "logins_7d", text), folder / "part-00000.parquet")
    assert drift.run(made).facts["headline"].startswith("FAIL: logins_7d is gone")


def test_one_user_in_many_rows_does_not_give_the_reference_away():
    # Attributes that never change: a classifier would know the reference's users by them.
    rng = np.random.default_rng(3)
    users, days = 150, 35
    traits = {f"trait_{n}": rng.normal(size=2 * users) for n in range(6)}
    ids = np.tile(np.arange(users), days)
    stamps = np.repeat(np.datetime64("2025-03-03") + np.arange(days), users)
    columns = {name: values_[ids] for name, values_ in traits.items()}
    profile = Profile(columns, stamps, ids, rng.random(len(ids)), np.zeros(len(ids), int))
    against = reference_of(profile, {})
    others = {name: values_[users:] for name, values_ in traits.items()}
    report = drift.check(against, day_of(DAY, others, against), [], SETTINGS, 1)
    assert report.joint.roc_auc < 0.62
    assert report.status == "OK"


def test_the_risk_is_not_among_the_columns_that_are_judged_together():
    moved = np.random.default_rng(1).beta(4, 4, 500)
    assert judged(churn_risk=moved).joint == judged().joint


def test_at_the_start_of_a_month_either_group_will_do():
    # The day's payments are those of such days, its logins those of its weekday.
    first = DAY.replace(month=5, day=1)
    days = REFERENCE.days.astype(object)
    start = np.array([d.day <= 3 for d in days])[REFERENCE.day]
    thursday = np.array([d.weekday() == 3 for d in days])[REFERENCE.day]
    changed = dict(REFERENCE.values)
    changed["flag"] = np.where(start, 1.0 * (np.arange(len(start)) % 2), REFERENCE.values["flag"])
    changed["logins"] = REFERENCE.values["logins"] + 4 * thursday
    stamps, risks = REFERENCE.days[REFERENCE.day], changed.pop("churn_risk")
    labels = np.zeros(len(risks), int)
    against = reference_of(Profile(changed, stamps, REFERENCE.users, risks, labels), IMPORTANCE)
    made = values(np.random.default_rng(5), 500)
    made["flag"], made["logins"] = 1.0 * (np.arange(500) % 2), made["logins"] + 4
    report = drift.check(against, day_of(first, made, against), [], SETTINGS, 1)
    assert len(report.like) == 2
    assert {c.column for c in report.columns if c.level in ("WARN", "FAIL")} == set()


def test_the_classifier_compares_with_the_group_that_is_nearest():
    # Each in turn is like the day, which is a Thursday; the other is far away.
    days = REFERENCE.days.astype(object)
    for group in ("weekday", "start"):
        near = np.array([d.weekday() == 3 if group == "weekday" else d.day <= 3 for d in days])
        values_ = dict(REFERENCE.values)
        values_["logins"] = values_["logins"] + 4 * ~near[REFERENCE.day]
        against = replace(REFERENCE, values=values_)
        first = DAY.replace(month=5, day=1)
        made = day_of(first, values(np.random.default_rng(5), 500), against)
        like = against.like(first)
        assert len(like) == 2
        joint = drift._joint(against, like, made, SETTINGS, 1)
        assert joint.roc_auc < 0.6


def test_looking_back_does_not_hide_the_latest_check(params):
    put(params, change=("logins_7d", 500))
    latest = drift.run(params).outputs[1]
    found = latest.read_text()
    assert [p.name for p in drift.run(params, LAST - timedelta(days=1)).outputs] == [
        f"{LAST - timedelta(days=1)}.json"
    ]
    assert latest.read_text() == found
    assert drift.run(params).outputs[1] == latest


def test_a_column_that_is_gone_is_the_first_line(params):
    put(params, drop=("watch_minutes_7d",))
    summary = drift.run(params)
    assert summary.facts["headline"].startswith("FAIL: watch_minutes_7d is gone")
    assert summary.facts["findings"][0]["check"] == "CHN401"
    assert json.loads(summary.outputs[0].read_text())["risk"] is None


def test_a_muted_check_alarms_nobody(params):
    put(params, drop=("watch_minutes_7d",))
    tree = params.model_dump() | {"validation": {"muted": ("CHN401",)}}
    assert drift.run(Params.model_validate(tree)).facts["status"] == "OK"
    tree["validation"] = {"muted": ("CHN409",)}
    with pytest.raises(ParamsError, match="CHN409"):
        drift.run(Params.model_validate(tree))


def test_half_the_users(params):
    table, _ = features(trained()[0], users=400, days=60, seed=3)
    days = np.array(table["as_of_date"].to_pylist())
    keep = (days != LAST) | (table["user_id"].to_numpy() % 2 == 0)
    with engine.connect(params) as con:
        write(con, table.filter(pa.array(keep)), features_contract(params), params)
    findings = drift.run(params).facts["findings"]
    assert {f["check"] for f in findings} >= {"CHN404"}


@pytest.mark.parametrize("drop", ["is_eligible", "as_of_date", "user_id"])
def test_a_table_that_does_not_tell_whose_row_it_is(params, drop):
    put(params, drop=(drop,))
    with pytest.raises(ContractError, match=drop):
        drift.run(params)


def test_what_has_to_be_there_is_named(params, tmp_path):
    with pytest.raises(ContractError, match="user_features_daily"):
        drift.run(params)
    put(params)
    with pytest.raises(NotEnoughDataError, match="2031-01-01"):
        drift.run(params, FIRST.replace(year=2031))
    path = features_contract(params).path(params)
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(NotEnoughDataError, match="no eligible user"):
        drift.run(params)
    (production_folder(params) / "reference_profile.parquet").write_bytes(b"")
    with pytest.raises(BundleError, match="reference_profile"):
        drift.run(params)
