"""What has arrived is checked once for those who need it, and held no longer than they do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from churn_mlops import engine
from churn_mlops.data import delivery, prepare_day, validate_day
from churn_mlops.data.delivery import Delivery
from churn_mlops.data.window import Checked
from churn_mlops.engine import Engine
from churn_mlops.errors import ContractError, QuarantineError
from churn_mlops.params import Params
from churn_mlops.tables.growth import Growth
from tests.unit.data.small_log import GrowingLog, day, event, files


@pytest.fixture
def log(workspace: Path) -> GrowingLog:
    """Eight days that were built as a whole, and one that has arrived."""
    made = GrowingLog("csv")
    made.history()
    made.deliver(8, event(100, 8), event(101, 7), event(102, 8, kind="x"))
    return made


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Growth]:
    """What was checked, in its order."""
    told: list[Growth] = []
    really = delivery.checked_window

    def counted(con: Engine, params: Params, growth: Growth) -> Checked:
        told.append(growth)
        return really(con, params, growth)

    monkeypatch.setattr(delivery, "checked_window", counted)
    return told


def test_gate_and_preparation_share_one_check_and_write_the_same(
    log: GrowingLog, checks: list[Growth]
) -> None:
    validate_day.run(log.params)
    prepare_day.run(log.params)
    apart = files(Path("data"))
    assert len(checks) == 2
    with closing(Delivery(log.params)) as shared:
        validate_day.run(log.params, shared)
        prepare_day.run(log.params, shared)
    assert len(checks) == 3
    assert files(Path("data")) == apart


def test_other_days_are_checked_anew(log: GrowingLog, checks: list[Growth]) -> None:
    growth = log.growth()
    later = replace(growth, first=growth.first + timedelta(days=1))
    with closing(Delivery(log.params)) as shared:
        for one in (growth, growth, later):
            with shared.checked(one) as (con, found):
                assert engine.value(con, found.events.count()) > 0
    assert checks == [growth, later]


def test_what_is_closed_is_checked_again(log: GrowingLog, checks: list[Growth]) -> None:
    growth, shared = log.growth(), Delivery(log.params)
    for _ in range(2):
        with closing(shared), shared.checked(growth):
            pass
    assert len(checks) == 2


@pytest.mark.slow
def test_a_day_that_is_refused_leaves_nothing_for_the_next(log: GrowingLog) -> None:
    with closing(Delivery(log.params)) as shared:
        log.deliver(9, *[event(200 + n, 9, kind="x") for n in range(20)])
        with pytest.raises(QuarantineError):
            validate_day.run(log.params, shared)
        log.deliver(10, event(300, 10))
        assert validate_day.run(log.params, shared).rows["events"] == 1
        assert str(day(10)) in prepare_day.run(log.params, shared).facts["days"]


@pytest.mark.slow
@pytest.mark.parametrize("held", [False, True])
def test_a_damaged_file_is_explained_in_whichever_step_it_is_met(
    log: GrowingLog, *, held: bool
) -> None:
    growth, path = log.growth(), Path("damaged.parquet")
    path.write_bytes(b"PAR1 and no more")
    with closing(Delivery(log.params)) as shared:
        if held:
            with shared.checked(growth):
                pass
        with (
            pytest.raises(ContractError, match=r"damaged\.parquet"),
            shared.checked(growth) as (con, _),
        ):
            con.read_parquet(str(path))
