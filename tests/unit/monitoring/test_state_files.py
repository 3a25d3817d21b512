from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.errors import PublishError
from churn_mlops.monitoring.state_files import Drift, Performance, Scores, Validation, read
from churn_mlops.params import Params
from tests.monitored import write_file
from tests.trained import params_in


@pytest.fixture
def params(tmp_path: Path) -> Params:
    return params_in(tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("validation", Validation),
        ("drift", Drift),
        ("score_proxy", Scores),
        ("performance", Performance),
    ],
)
def test_what_the_commands_write_is_read(name: str, kind: type, params: Params) -> None:
    assert read(write_file(params, name), kind, "churn x") is not None


def test_no_file_is_none(tmp_path: Path) -> None:
    assert read(tmp_path / "none.json", Drift, "churn drift-check") is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "EOF"),
        ('{"as_of_date": "2025-04', "EOF"),
        ("[]", "object"),
        ("\x00\xff", "expected value"),
        ("{}", "as_of_date: Field required"),
    ],
)
def test_a_damaged_file_is_named_with_what_writes_it(body: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "drift_latest.json"
    path.write_bytes(body.encode("latin-1"))
    with pytest.raises(PublishError) as raised:
        read(path, Drift, "churn drift-check")
    assert str(path) in raised.value.message
    assert "damaged" in raised.value.message
    assert why in raised.value.message
    assert raised.value.fix == "write it anew: `churn drift-check`"


@pytest.mark.parametrize(
    ("key", "value"),
    [("status", "BAD"), ("as_of_date", "yesterday"), ("users", "many"), ("findings", 3)],
)
def test_a_wrong_value_is_named(key: str, value: object, params: Params) -> None:
    path = write_file(params, "drift", {key: value})
    with pytest.raises(PublishError, match=f"damaged: {key}: "):
        read(path, Drift, "churn drift-check")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="cannot be read"):
        read(tmp_path, Drift, "churn drift-check")


def test_a_file_in_the_place_of_its_folder(params: Params) -> None:
    # As a file without the right to read it; rights do not stop root.
    path = write_file(params, "drift") / "drift_latest.json"
    with pytest.raises(PublishError, match="cannot be read: Not a directory"):
        read(path, Drift, "churn drift-check")
