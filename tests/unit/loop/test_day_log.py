from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from churn_mlops.errors import ContractError
from churn_mlops.loop.day_log import DONE, DayLog, day_log_path, read_day_log, write_day_log
from churn_mlops.params import Params

DAY = date(2025, 5, 1)
LOG = DayLog(
    DAY, DONE, [{"step": "drift_check", "seconds": 0.5, "rows": {}, "facts": {"status": "OK"}}]
)


def test_a_log_is_read_as_it_was_written(workspace: Path) -> None:
    assert read_day_log(Params(), DAY) is None
    write_day_log(Params(), LOG)
    assert read_day_log(Params(), DAY) == LOG
    assert LOG.facts_of("drift_check") == {"status": "OK"}
    assert LOG.facts_of("performance") == {}


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"as_of_date": "soon"}'])
def test_a_damaged_log_is_named(workspace: Path, content: str) -> None:
    write_day_log(Params(), LOG)
    day_log_path(Params(), DAY).write_text(content)
    with pytest.raises(ContractError, match=r"2025-05-01\.json is damaged"):
        read_day_log(Params(), DAY)
