"""The section about the API: keys come in from everywhere and are never printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn_mlops import params
from churn_mlops.cli import app
from churn_mlops.errors import ParamsError

KEY, OTHER = "key-0123456789-abcdef", "0012345670123456"


def keys(environment: dict[str, str]) -> list[str]:
    return [k.get_secret_value() for k in params.load(environment=environment).serving.api_keys]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (KEY, [KEY]),
        (OTHER, [OTHER]),
        (f"{KEY},{OTHER}", [KEY, OTHER]),
        (f"{KEY}\n{OTHER}\n", [KEY, OTHER]),
        (f"[{KEY}, '{OTHER}']", [KEY, OTHER]),
        ("", []),
        ("[]", []),
    ],
)
def test_keys_come_from_the_environment(workspace: Path, value: str, expected: list[str]) -> None:
    (workspace / "params.yaml").write_text("serving: {api_keys: [the-file-has-another]}")
    assert keys({"CHURN__SERVING__API_KEYS": value}) == expected


def test_keys_come_from_the_file(workspace: Path) -> None:
    (workspace / "params.yaml").write_text(f"serving: {{api_keys: ['{KEY}', '{OTHER}']}}")
    assert keys({}) == [KEY, OTHER]
    (workspace / "params.yaml").write_text(f"serving: {{api_keys: '{KEY}'}}")
    assert keys({}) == [KEY]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHURN__SERVING__API_KEYS", "[77777777, other]"),
        ("CHURN__SERVING__API_KEYS", "[77777777"),
        ("CHURN__SERVING__API_KEYS", "['77777777"),
        ("CHURN__SERVING__API_KEYS", "[{a: 77777777}]"),
        ("CHURN__SERVING", "[77777777]"),
        ("CHURN__SERVING", "{api_keys: {a: 77777777}}"),
        ("CHURN__SERVING", "{api_keys: 77777777"),
    ],
)
def test_a_mistake_does_not_show_the_key(workspace: Path, name: str, value: str) -> None:
    (workspace / "params.yaml").write_text("")
    with pytest.raises(ParamsError) as caught:
        params.load(environment={name: value})
    assert "serving" in str(caught.value).lower()
    assert "7777" not in str(caught.value)
    assert caught.value.__cause__ is None or "7777" not in str(caught.value.__cause__)


def test_a_broken_file_does_not_show_the_key(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("serving: {api_keys: [77777777")
    with pytest.raises(ParamsError, match="line 1, column") as caught:
        params.load(environment={})
    assert "7777" not in str(caught.value)


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_show_params_does_not_show_the_key(
    workspace: Path, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "params.yaml").write_text("")
    monkeypatch.setenv("CHURN__SERVING__API_KEYS", KEY)
    result = CliRunner().invoke(app, ["show-params", *flags])
    assert result.exit_code == 0
    assert "***" in result.stdout
    assert KEY not in result.stdout
