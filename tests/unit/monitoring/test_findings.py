from __future__ import annotations

import json

import pytest

from churn_mlops.data.checks import BY_NUMBER
from churn_mlops.monitoring import findings
from churn_mlops.monitoring.findings import Finding, worst


@pytest.mark.parametrize(
    ("levels", "expected"),
    [([], "OK"), (["OK", "MUTED"], "OK"), (["WARN", "OK"], "WARN"), (["WARN", "FAIL"], "FAIL")],
)
def test_the_worst_level_counts(levels, expected):
    assert worst(levels) == expected


def test_every_number_is_a_documented_check():
    numbers = {v for v in vars(findings).values() if isinstance(v, str) and v.startswith("CHN")}
    assert numbers == {n for n, check in BY_NUMBER.items() if check.kind in ("upstream", "drift")}


def test_a_finding_is_json():
    finding = Finding("CHN405", "FAIL", "minutes", "text", True)
    assert json.loads(json.dumps(finding.as_json()))["upstream"] is True
