"""What a growing table says about how it was made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts
from churn_mlops.tables.made import NAME, Made, fingerprint, read_made

LAST = date(2025, 1, 30)


def after(days: int) -> date:
    return LAST + timedelta(days=days)


@pytest.fixture
def params(tmp_path: Path, make_params: Callable[..., Params]) -> Params:
    over = {"tables": {"format": "parquet"}, "paths": {"data": str(tmp_path)}}
    return make_params(over)


@pytest.fixture
def contract(params: Params) -> Contract:
    return contracts.user_daily(params)


def test_it_is_read_as_it_was_written(params: Params, contract: Contract) -> None:
    assert read_made(contract, params) is None
    whole = Made.anew("f", LAST, 120)
    for made in (whole, whole.grown(after(-1), after(1))):
        made.write(contract.path(params))
        assert read_made(contract, params) == made


@pytest.mark.parametrize(
    "body",
    [
        "",
        '{"fingerprint": "f", "bui',
        "[]",
        '{"fingerprint": "f", "build": "b", "whole": "2025-01-30"}',
        '{"fingerprint": "f", "build": "b", "whole": "2025-01-30", "last_day": null}',
        '{"fingerprint": "f", "build": "b", "whole": "2025-01-30", "last_day": "soon"}',
    ],
)
def test_a_damaged_one_says_nothing_and_so_the_table_is_made_anew(
    params: Params, contract: Contract, body: str
) -> None:
    folder = contract.path(params)
    folder.mkdir(parents=True)
    (folder / NAME).write_text(body)
    assert read_made(contract, params) is None


def test_a_csv_table_says_nothing(tmp_path: Path, make_params: Callable[..., Params]) -> None:
    params = make_params({"paths": {"data": str(tmp_path)}, "tables": {"format": "csv"}})
    contract = contracts.user_daily(params)
    contract.path(params).parent.mkdir(parents=True)
    contract.path(params).write_text("user_id,as_of_date\n")
    assert read_made(contract, params) is None


def test_the_build_names_what_was_made_as_a_whole() -> None:
    one = Made.anew("f", LAST, 120)
    assert one.build == Made.anew("f", LAST, 120).build
    others = [Made.anew("g", LAST, 120), Made.anew("f", after(1), 120), Made.anew("f", LAST, 121)]
    assert len({one.build, *(other.build for other in others)}) == 4


def test_growing_keeps_the_build_and_remembers_where_the_last_step_began() -> None:
    whole = Made.anew("f", LAST, 120)
    grown = whole.grown(after(-2), after(1))
    assert (grown.build, grown.whole, grown.fingerprint) == (whole.build, LAST, "f")
    assert (grown.first, grown.last_day) == (after(-2), after(1))
    # The same day once more, with fewer days to look at: the first that were changed still count.
    assert grown.grown(after(-1), after(1)).first == after(-2)
    assert grown.grown(after(-1), after(2)).first == after(-1)


def test_working_on_the_days_of_a_whole_again_is_remembered() -> None:
    again = Made.anew("f", LAST, 120).grown(after(-2), LAST)
    assert (again.first, again.last_day) == (after(-2), LAST)


def test_a_fingerprint_tells_parameters_and_code_apart() -> None:
    body = {"windows": [7, 14], "until": LAST}
    one = fingerprint(body, ("tables",))
    assert one == fingerprint(dict(reversed(body.items())), ("tables",))
    others = [
        fingerprint(body | {"windows": [14, 7]}, ("tables",)),
        fingerprint(body | {"until": after(1)}, ("tables",)),
        fingerprint(body, ("tables", "features")),
        fingerprint(body, ("tables/made.py",)),
    ]
    assert len({one, *others}) == 5
