"""Tables whose files lie in a real object store, which at times fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from churn_mlops import object_store
from churn_mlops.data import prepare_dataset, validate
from churn_mlops.errors import ContractError
from churn_mlops.features import build_features
from churn_mlops.params import Params
from churn_mlops.tables import contracts
from churn_mlops.tables.manifest import NAME, listed, local_files, read_manifest, ship
from tests import grown_days, s3_faults, s3_server
from tests.equal_tables import assert_equal, read
from tests.integration.spark.stages import On, at, build, generate, tables
from tests.s3_faults import Faults

pytestmark = pytest.mark.slow
LOCATION = f"s3://{s3_server.BUCKET}/tables"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3_server.S3]:
    with s3_server.running(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def faults(store: s3_server.S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """The store as the chain of AWS finds it, with faults on demand."""
    with s3_faults.before(store.endpoint) as proxy:
        for name, value in s3_server.environment(proxy.endpoint).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(object_store, "READ_SECONDS", 1)
        # fsspec would give the store of the test before.
        s3fs.S3FileSystem.clear_instance_cache()
        yield proxy


@pytest.fixture
def params(make_params: Callable[..., Params], tmp_path: Path) -> Params:
    over: dict[str, Any] = {
        "tables": {"format": "parquet"},
        "data": {"synthetic": {"users": 60, "days": 50}},
        "duckdb": {"rows_per_part": 1_500},
    }
    return make_params(over)


def there(params: Params) -> list[str]:
    """All that the tables' folders name."""
    folders = [one.path(params) for one in tables(params) if one.parts]
    return [url for folder in folders for url in read_manifest(folder).values()]


def test_the_same_tables(params: Params, faults: Faults, tmp_path: Path) -> None:
    here, away = at(params, tmp_path / "a", On()), at(params, tmp_path / "b", On(location=LOCATION))
    for one in (here, away):
        generate(one)
        build(one)
    for contract in [*tables(here), contracts.users(here), contracts.events(here)]:
        if not contract.parts:
            continue
        assert_equal(read(here, contract), read(away, contract), contract.name)
        folder = contract.path(away)
        assert not local_files(folder), f"{contract.name}: no file stays in the workspace"
        assert set(listed(folder)) == set(listed(contract.path(here)))
        assert all(url.startswith(f"{LOCATION}/") for url in listed(folder).values())


def test_a_store_that_fails_for_the_moment_is_asked_again(
    params: Params, faults: Faults, tmp_path: Path
) -> None:
    away = at(params, tmp_path, On(location=f"{LOCATION}/moment"))
    generate(away)
    faults.failing = 3
    validate.run(away)
    faults.stalling, faults.seconds = 2, 2.0
    prepare_dataset.run(away)
    assert faults.failing == faults.stalling == 0, "all faults were met"
    assert len(read(away, contracts.user_daily(away))) > 1_000


def test_a_store_that_goes_on_failing_is_one_clear_error(
    params: Params, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = at(params, tmp_path, On(location=f"{LOCATION}/for-good"))
    generate(away)
    validate.run(away)
    prepare_dataset.run(away)
    build_features.run(away)
    before, kept = there(away), read(away, contracts.user_daily(away))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    faults.failing = 10_000
    for stage in (prepare_dataset, build_features):
        with pytest.raises(ContractError, match="cannot be read, after all tries") as told:
            stage.run(away)
        assert LOCATION in str(told.value)
        assert "AWS_ENDPOINT_URL" in str(told.value)
        assert "Traceback" not in str(told.value)
    faults.failing = 0
    assert there(away) == before, "the tables are as they were"
    assert_equal(read(away, contracts.user_daily(away)), kept, "user_daily")
    assert not list(tmp_path.rglob(".*writing*"))


def test_a_table_that_the_store_does_not_take_stays_as_it_was(
    params: Params, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = at(params, tmp_path, On(location=f"{LOCATION}/not-taken"))
    generate(away)
    contract = contracts.users(away)
    before, rows = read_manifest(contract.path(away)), len(read(away, contract))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    # Generating reads nothing, so that the first request is the first upload.
    faults.failing = 10_000
    with pytest.raises(ContractError, match="cannot be written, after all tries"):
        generate(away)
    faults.failing = 0
    assert read_manifest(contract.path(away)) == before
    assert len(read(away, contract)) == rows > 40


def test_a_large_file_goes_in_parts(
    params: Params, faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = at(params, tmp_path, On(location=f"{LOCATION}/large"))
    contract = contracts.user_daily(away)
    folder = contract.path(away)
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).random(14_000_000)
    pq.write_table(pa.table({"noise": noise}), folder / "part-00000.parquet")
    size = (folder / "part-00000.parquet").stat().st_size
    assert size > 2 * 50 * 2**20, "from there on s3fs sends parts"
    faults.failing = 2
    ship(folder, contract, away)
    assert sum("partNumber" in request for request in faults.asked) >= 2
    (url,) = read_manifest(folder).values()
    assert object_store.open_store(url)[0].size(url) == size
    assert (folder / NAME).exists()
    assert not local_files(folder)


def test_days_are_added_in_the_store(faults: Faults, tmp_path: Path) -> None:
    over = {"tables": {"format": "parquet", "location": f"{LOCATION}/days"}}
    grown = grown_days.portal(tmp_path / "grown", 12, over)
    generate(grown)
    grown_days.build(grown)
    daily = contracts.user_daily(grown)
    for number in (13, 14):
        before = set(listed(daily.path(grown)).values())
        summaries = grown_days.live(grown, number)
        assert not any("as a whole" in summary.facts for summary in summaries)
        kept = before & set(listed(daily.path(grown)).values())
        assert kept, "what has not changed is not written again"
    whole = grown_days.whole(tmp_path / "whole", 14)
    grown_days.assert_equal(grown_days.tables(whole), grown_days.tables(grown))
