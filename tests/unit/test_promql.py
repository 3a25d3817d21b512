"""The helper that finds metrics in expressions."""

from __future__ import annotations

import pytest

from tests.promql import selectors


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("up", ["up"]),
        ('up{job="a"} == 0 or absent(up{job="b, }"})', ['up{job="a"}', 'up{job="b, }"}']),
        ("max by (stage, a_b) (churn_x) * 1000", ["churn_x"]),
        ("sum without (le) (rate(x_total[5m] offset 1h))", ["x_total"]),
        (
            'a:b:c5m > 14.4 * 0.001 and on (x) group_left (y) sum(rate(d{e=~"5.."}[1h])) >= 50',
            ["a:b:c5m", 'd{e=~"5.."}'],
        ),
        ('label_replace(absent(x), "to", "some words", "", "")', ["x"]),
        ("count(a > b) or vector(0)", ["a", "b"]),
        ("histogram_quantile(0.5, sum by (le) (rate(h_bucket[1h])))", ["h_bucket"]),
        ("time() - max(x) > 2 * 86400 # of y", ["x"]),
        ("1e3 + x1 unless bool x1", ["x1"]),
        ('{job="a"}', ['{job="a"}']),
        ("vector(0)", []),
    ],
)
def test_metrics_of_an_expression(expression: str, found: list[str]) -> None:
    assert selectors(expression) == found
