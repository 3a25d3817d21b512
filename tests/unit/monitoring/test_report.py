from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from churn_mlops.monitoring.day import day_of
from churn_mlops.monitoring.drift import check
from churn_mlops.monitoring.findings import Finding
from churn_mlops.params import DriftCheck
from tests.unit.monitoring.portal import DAY, reference, values

SETTINGS = DriftCheck(moves_by_itself=("age",))
REFERENCE = reference()


def report(found=(), **changes):
    made = values(np.random.default_rng(5), 500) | changes
    return check(REFERENCE, day_of(DAY, made, REFERENCE), list(found), SETTINGS, 1)


def test_a_calm_day_in_one_line():
    lines = report().lines()
    assert lines[0] == "OK: 2025-04-30 looks like the reference (Wednesdays)"
    assert any("minutes" in line for line in lines)


def test_the_first_line_names_the_worst_and_counts_the_rest():
    odd = [Finding("CHN404", "WARN", None, "fewer users", True),
           Finding("CHN411", "FAIL", "x", "x moved")]  # fmt: skip
    made = report(odd)
    assert made.headline == "FAIL: x moved; 1 more"
    assert made.status == "FAIL"


def test_faults_upstream_come_before_drift_of_the_same_level():
    odd = [Finding("CHN411", "FAIL", "x", "x moved"),
           Finding("CHN405", "FAIL", "y", "y in seconds", True)]  # fmt: skip
    assert report(odd).findings[0].column == "y"


def test_muted_findings_are_told_and_alarm_nobody():
    odd = [Finding("CHN404", "FAIL", None, "fewer users", True)]
    made = replace(report(odd), muted=frozenset({"CHN404"}))
    assert made.status == "OK"
    assert made.as_json()["muted"][0]["check"] == "CHN404"
    assert made.as_json()["findings"] == []


def test_json_has_everything_and_no_nan():
    body = json.loads(json.dumps(report().as_json(), allow_nan=False))
    assert set(body) == {
        "as_of_date", "status", "headline", "users", "model_version", "reference", "findings",
        "muted", "columns", "risk", "joint", "early",
    }  # fmt: skip
    assert body["reference"]["compared"] == "Wednesdays"
    assert {c["column"] for c in body["columns"]} == set(REFERENCE.bins) - {"churn_risk"}
    assert 0.4 < body["joint"]["roc_auc"] < 0.6


def test_long_lists_are_cut_with_their_number():
    odd = [Finding("CHN401", "FAIL", f"c{n}", f"c{n} is gone", True) for n in range(14)]
    assert "  … and 4 more findings" in report(odd).lines()
