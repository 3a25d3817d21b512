"""The section about watching."""

from __future__ import annotations

import pytest

from churn_mlops import params
from churn_mlops.errors import ParamsError
from churn_mlops.params import Params


def test_the_alarm_rates_are_parameters():
    loaded = params.load(environment={"CHURN__MONITORING__DRIFT__FALSE_ALARM_RATE": "0.002"})
    assert loaded.monitoring.drift.false_alarm_rate == 0.002
    assert Params().monitoring.drift.warn_alarm_rate == 0.05


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DRIFT__FALSE_ALARM_RATE", "0"),
        ("DRIFT__FAIL_AUC", "1.2"),
        ("DRIFT__TOP", "0"),
        ("PERFORMANCE__CONFIDENCE", "0.4"),
        ("SCORE_PROXY__HIGH_RISK", "2"),
        ("PUBLISH__PUSHGATEWAY", "localhost:9091"),
    ],
)
def test_impossible_values_are_named(variable, value):
    with pytest.raises(ParamsError, match=variable.split("__")[1].lower()):
        params.load(environment={f"CHURN__MONITORING__{variable}": value})


def test_the_addresses_of_alerts_are_secrets():
    variable = "CHURN__MONITORING__ALERT__SLACK"
    loaded = params.load(environment={variable: "https://hooks.example.org/T1/abc"})
    assert "abc" not in repr(loaded) + loaded.model_dump_json()
    assert loaded.monitoring.alert.slack.get_secret_value().endswith("abc")


@pytest.mark.parametrize("value", ["", "null"])
def test_an_empty_address_is_none(value):
    loaded = params.load(environment={"CHURN__MONITORING__ALERT__WEBHOOK": value})
    assert loaded.monitoring.alert.webhook is None


@pytest.mark.parametrize("part", ["user: u", "password_env: P"])
def test_a_login_is_a_user_and_a_password(part):
    server = f"{{host: h, sender: a@b, to: [c@d], {part}}}"
    with pytest.raises(ParamsError, match="user and password_env are given together"):
        params.load(environment={"CHURN__MONITORING__ALERT__SMTP": server})
