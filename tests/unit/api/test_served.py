from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from churn_mlops.api.served import Served
from churn_mlops.errors import BundleError
from churn_mlops.inference.decision import CONTACT, NONE
from tests.trained import bundle


@pytest.fixture(scope="module", params=["candidate", "baseline"])
def served(request: Any) -> Served:
    return Served(bundle(request.param), 1, 10)


def test_many_rows_are_scored_as_each_alone(served: Served) -> None:
    rows = [row for row, _ in served.bundle.golden]
    together = served.score(rows)
    for place, row in enumerate(rows):
        alone = served.score([row])
        assert alone.risks[0] == pytest.approx(together.risks[place], abs=1e-6)
        for name in ("imputed", "out_of_range", "unseen"):
            assert getattr(alone, name).get(0, []) == getattr(together, name).get(place, [])
    assert together.matrix.dtype == np.float32


def test_a_gap_is_imputed_whether_it_is_left_out_or_empty(served: Served) -> None:
    row, _ = served.bundle.golden[10]
    without = {name: value for name, value in row.items() if name != "logins_7d"}
    empty = {**row, "logins_7d": None}
    found = served.score([row, without, empty])
    assert found.imputed.get(0, []) == served.imputed_in(row)
    for place in (1, 2):
        assert "logins_7d" in found.imputed[place]
    assert found.risks[1] == found.risks[2]


def test_nothing_at_all_is_still_scored(served: Served) -> None:
    found = served.score([{}])
    assert found.imputed[0] == list(served.names)
    assert 0 <= found.risks[0] <= 1


def test_the_decision_follows_the_threshold(served: Served) -> None:
    assert served.decide(served.threshold) == CONTACT
    assert served.decide(served.threshold - 1e-6) == NONE


def test_golden_rows_are_counted_around_and_a_wrong_one_is_told(served: Served) -> None:
    for place in range(2 * len(served.bundle.golden) + 1):
        served.check_golden(place)
    row, risk = served.bundle.golden[3]
    golden = list(served.bundle.golden)
    golden[3] = (row, risk + 0.01)
    with pytest.raises(BundleError, match="golden row 3"):
        Served(replace(served.bundle, golden=tuple(golden)), None, 10)


def test_reasons_are_those_of_the_batch(served: Served) -> None:
    row, _ = max(served.bundle.golden, key=lambda pair: pair[1])
    columns = {name: np.array([value], dtype=object) for name, value in row.items()}
    matrix = served.bundle.encode(columns)
    told = served.explainer.reasons(matrix, columns, served.bundle.score(matrix))
    found = served.reasons(row, served.score([row]))
    assert found == [texts[0] for texts in told if texts[0]]
    assert len(found) <= 3
