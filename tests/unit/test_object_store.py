"""What kind of store a URL names, and how it is asked."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from churn_mlops import object_store
from churn_mlops.errors import ContractError
from churn_mlops.object_store import UnreachableError, open_store, unreadable, unwritable


def test_a_folder_is_a_store(tmp_path: Path) -> None:
    store, place = open_store(str(tmp_path / "file"))
    with store.open(place, "wb") as file:
        file.write(b"x")
    assert (tmp_path / "file").read_bytes() == b"x"


def test_s3_is_asked_several_times_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    store, place = open_store("s3://bucket/name")
    assert place == "bucket/name"
    config = store.config_kwargs
    assert config["retries"] == {"mode": "standard", "total_max_attempts": object_store.TRIES}
    assert 0 < config["connect_timeout"] <= config["read_timeout"] <= 60
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    again, _ = open_store("s3://bucket/name")
    assert again.config_kwargs["retries"] == {"mode": "adaptive", "total_max_attempts": 9}


def test_no_such_protocol() -> None:
    with pytest.raises(UnreachableError, match="nosuch") as told:
        open_store("nosuch://bucket/name")
    assert told.value.fix == "a path, or s3://BUCKET/NAME"


def test_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "fsspec":
            raise ImportError("No module named 'fsspec'")
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnreachableError) as told:
        open_store("s3://bucket/name")
    assert told.value.fix == "pip install 'churn-mlops[s3]'"


@pytest.mark.parametrize("tell", [unreadable, unwritable])
def test_an_error_names_the_place_and_what_to_do(tell: Any) -> None:
    error = tell("s3://bucket/name", OSError("SlowDown: reduce your rate"))
    assert isinstance(error, ContractError)
    assert "s3://bucket/name" in error.message
    assert "SlowDown: reduce your rate" in error.message
    assert error.fix is not None
    assert "AWS_ENDPOINT_URL" in error.fix
