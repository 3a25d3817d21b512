"""A day more of labels: of the days that have become mature, and those that late rows reach."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_mlops.data import ingest, prepare_day, validate_day
from churn_mlops.errors import ContractError
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from churn_mlops.tables.folders import day_file
from churn_mlops.tables.made import NAME
from churn_mlops.training import build_labels, labels_day
from tests.grown_days import day, files, live, portal, tables, whole

pytestmark = pytest.mark.slow

SMALL = {"data": {"synthetic": {"users": 30}}}
BUILT = 16
WINDOW = 4
"""The horizon of a label."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portal that was built as a whole, and one day more up to user_daily."""
    root = tmp_path_factory.mktemp("labels")
    params = whole(root, BUILT, SMALL)
    for step in (ingest.run, validate_day.run, prepare_day.run):
        step(params)
    return root


@pytest.fixture
def params(built: Path, tmp_path: Path) -> Params:
    root = tmp_path / "grown"
    shutil.copytree(built, root)
    found = portal(root, BUILT, SMALL)
    assert found.churn.window_days == WINDOW
    return found


def folder_of(params: Params) -> Path:
    return contracts.labels_daily(params).path(params)


def labels(params: Params) -> pa.Table:
    return tables(params)["labels_daily"]


def test_the_labels_are_as_the_whole_would_have_them(params: Params) -> None:
    assert pc.max(labels(params)["as_of_date"]).as_py() == day(BUILT - WINDOW)
    told = labels_day.run(params)
    assert told.facts == {"days": f"{day(BUILT - 2 - WINDOW)} to {day(BUILT + 1 - WINDOW)}"}
    grown = labels(params)
    assert pc.max(grown["as_of_date"]).as_py() == day(BUILT + 1 - WINDOW)
    build_labels.run(params)
    assert grown.equals(labels(params))


def test_labels_that_no_late_row_can_reach_keep_their_bytes(params: Params) -> None:
    before = files(folder_of(params))
    labels_day.run(params)
    after = files(folder_of(params))
    changed = {name for name in after if before.get(name) != after[name]}
    first, last = BUILT - 2 - WINDOW, BUILT + 1 - WINDOW
    assert changed <= {NAME, *(day_file(day(n)) for n in range(first, last + 1))}
    assert day_file(day(last)) in changed


def test_only_days_within_the_horizon_are_read(params: Params) -> None:
    daily = contracts.user_daily(params).path(params)
    first = day_file(day(BUILT - 2 - WINDOW))
    earlier = [path for path in daily.glob("*.parquet") if path.name < first or "part" in path.name]
    assert earlier
    for path in earlier:
        path.write_bytes(b"damaged")
    labels_day.run(params)
    assert (folder_of(params) / day_file(day(BUILT + 1 - WINDOW))).exists()


def test_a_step_that_is_run_again_or_was_killed_comes_to_the_same(params: Params) -> None:
    before = files(folder_of(params))
    labels_day.run(params)
    after = files(folder_of(params))
    labels_day.run(params)
    assert files(folder_of(params)) == after
    # Killed after the files of the days, before the note.
    (folder_of(params) / NAME).write_bytes(before[NAME])
    labels_day.run(params)
    assert files(folder_of(params)) == after


def test_a_damaged_day_is_told_by_its_file(params: Params) -> None:
    file = contracts.user_daily(params).path(params) / day_file(day(BUILT))
    file.write_bytes(b"PAR1 and no more")
    before = files(folder_of(params))
    with pytest.raises(ContractError, match=file.name) as caught:
        labels_day.run(params)
    assert caught.value.fix
    assert files(folder_of(params)) == before


def test_changed_parameters_build_the_whole(tmp_path: Path) -> None:
    params = whole(tmp_path / "a", BUILT, SMALL)
    live(params, 17)
    other = params.model_copy(update={"churn": params.churn.model_copy(update={"window_days": 3})})
    told = live(other, 18)
    assert "other parameters" in told[4].facts["as a whole"]
    assert "as a whole" not in told[2].facts
