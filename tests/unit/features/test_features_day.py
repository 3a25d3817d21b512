"""A day more of features: from the last days and what is carried on from the day before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_mlops.data import ingest, prepare_day, validate_day
from churn_mlops.errors import ContractError
from churn_mlops.features import build_features, features_day
from churn_mlops.features.build_features import look_back
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from churn_mlops.tables.folders import day_file
from churn_mlops.tables.made import NAME, read_made
from tests.grown_days import day, files, portal, tables, whole

pytestmark = pytest.mark.slow

SMALL = {"data": {"synthetic": {"users": 30}}}
BUILT = 16


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portal that was built as a whole, and one day more up to user_daily."""
    root = tmp_path_factory.mktemp("features")
    params = whole(root, BUILT, SMALL)
    for step in (ingest.run, validate_day.run, prepare_day.run):
        step(params)
    return root


@pytest.fixture
def params(built: Path, tmp_path: Path) -> Params:
    root = tmp_path / "grown"
    shutil.copytree(built, root)
    return portal(root, BUILT, SMALL)


def folder_of(params: Params) -> Path:
    return features_contract(params).path(params)


def features(params: Params) -> pa.Table:
    return tables(params)["user_features_daily"]


def test_the_day_is_as_the_whole_would_have_it(params: Params) -> None:
    told = features_day.run(params)
    assert told.facts == {"days": f"{day(BUILT - 2)} to {day(BUILT + 1)}"}
    grown = features(params)
    assert pc.max(grown["as_of_date"]).as_py() == day(BUILT + 1)
    build_features.run(params)
    assert grown.equals(features(params))


def test_days_that_no_late_row_can_reach_keep_their_bytes(params: Params) -> None:
    before = files(folder_of(params))
    features_day.run(params)
    after = files(folder_of(params))
    changed = {name for name in after if before.get(name) != after[name]}
    assert changed <= {NAME, *(day_file(day(n)) for n in range(BUILT - 2, BUILT + 2))}
    assert day_file(day(BUILT + 1)) in changed
    assert before.keys() <= after.keys()


def test_only_the_days_that_a_window_reaches_are_read(params: Params) -> None:
    daily = contracts.user_daily(params).path(params)
    first = day_file(day(BUILT - 2 - look_back(params)))
    earlier = [path for path in daily.glob("*.parquet") if path.name < first or "part" in path.name]
    assert earlier
    for path in earlier:
        path.write_bytes(b"damaged")
    features_day.run(params)
    assert (folder_of(params) / day_file(day(BUILT + 1))).exists()


def test_a_step_that_is_run_again_or_was_killed_comes_to_the_same(params: Params) -> None:
    features_day.run(params)
    after = files(folder_of(params))
    features_day.run(params)
    assert files(folder_of(params)) == after
    # Killed while a day was written, before the note: old files lie beside new ones.
    made = read_made(features_contract(params), params)
    assert made is not None
    (folder_of(params) / day_file(day(BUILT + 1))).unlink()
    beside = folder_of(params).with_name(f".{folder_of(params).name}.writing")
    beside.mkdir()
    (beside / "00000").write_bytes(b"half")
    features_day.run(params)
    assert files(folder_of(params)) == after
    assert not beside.exists()


def test_a_damaged_day_is_told_by_its_file(params: Params) -> None:
    file = contracts.user_daily(params).path(params) / day_file(day(BUILT))
    file.write_bytes(b"PAR1 and no more")
    before = files(folder_of(params))
    with pytest.raises(ContractError, match=file.name) as caught:
        features_day.run(params)
    assert caught.value.fix
    assert files(folder_of(params)) == before


def test_why_all_is_made_as_a_whole(params: Params) -> None:
    windows = params.features.model_copy(update={"windows_days": (2, 4)})
    told = features_day.run(params.model_copy(update={"features": windows}))
    assert told.stage == "features_day"
    assert "other parameters" in told.facts["as a whole"]
    (contracts.user_daily(params).path(params) / NAME).unlink()
    told = features_day.run(params)
    assert told.facts["as a whole"] == "no day was ingested"
