"""Which files of the source need not be read again: in doubt none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from churn_mlops.data.seen_files import read_seen, seen_path, write_seen
from churn_mlops.data.watermark import Watermark
from churn_mlops.params import Params

DAY = date(2025, 1, 9)
FILES = {"in/events-1.csv": [120, 1_700_000_000_000_000_000], "in/events-2.csv": [0, 1]}


@pytest.fixture
def params(tmp_path: Path, make_params: Callable[..., Params]) -> Params:
    return make_params({"paths": {"data": str(tmp_path)}})


def until(days: int) -> Watermark:
    return Watermark(DAY + timedelta(days=days), True, "x")


def test_they_are_read_as_they_were_written(params: Params) -> None:
    assert read_seen(params, until(0)) == {}
    write_seen(params, DAY, FILES)
    assert read_seen(params, until(0)) == FILES
    assert read_seen(params, until(5)) == FILES


def test_a_run_that_did_not_get_as_far_as_its_watermark_has_seen_nothing(params: Params) -> None:
    write_seen(params, DAY, FILES)
    assert read_seen(params, until(-1)) == {}
    assert read_seen(params, None) == {}
    assert read_seen(params, Watermark(None, False, "x")) == {}


def test_a_run_that_saw_no_file_leaves_what_was_known(params: Params) -> None:
    write_seen(params, DAY, {})
    assert not seen_path(params).exists()
    write_seen(params, DAY, FILES)
    write_seen(params, DAY + timedelta(days=1), {})
    assert read_seen(params, until(1)) == FILES


@pytest.mark.parametrize(
    "body",
    [
        "",
        '{"as_of": "2025-01-09", "fil',
        "[]",
        '{"files": {}}',
        '{"as_of": "2025-01-09"}',
        '{"as_of": "2025-01-09", "files": ["in/events-1.csv"]}',
        '{"as_of": "2025-01-09", "files": {"in/events-1.csv": 120}}',
    ],
)
def test_a_damaged_file_only_means_reading_all_again(params: Params, body: str) -> None:
    path = seen_path(params)
    path.parent.mkdir()
    path.write_text(body)
    assert read_seen(params, until(0)) == {}
