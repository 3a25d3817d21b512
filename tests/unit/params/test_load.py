"""Reading params.yaml: every mistake is one clear error with the key's path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn_mlops import params
from churn_mlops.errors import ParamsError

ROOT = Path(__file__).parents[3]


def test_the_shipped_file_spells_out_the_defaults() -> None:
    assert params.load(ROOT / "params.yaml", environment={}) == params.Params()


def test_an_empty_file_is_valid(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    assert params.load(environment={}) == params.Params()


def test_the_environment_wins(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("training: {test_size: 0.1}")
    loaded = params.load(
        environment={
            "CHURN__TRAINING__TEST_SIZE": "0.3",
            "churn__churn__active_within_days": "null",
            "CHURN__FEATURES__WINDOWS_DAYS": "[30, 7]",
            "CHURN__DATA__START_DATE": "2025-02-01",
            "UNRELATED": "x",
        }
    )
    assert loaded.training.test_size == 0.3
    assert loaded.churn.active_within_days is None
    assert loaded.features.windows_days == (7, 30)
    assert str(loaded.data.start_date) == "2025-02-01"


MISTAKES: list[tuple[str, str, str]] = [
    ("training: {test_siz: 0.3}", "training.test_siz", "did you mean 'test_size'?"),
    ("chrn: {window_days: 3}", "chrn", "did you mean 'churn'?"),
    ("data: {synthetic: {user: 3}}", "data.synthetic.user", "did you mean 'users'?"),
    ("data: {measures: {amount: {mx: 3}}}", "data.measures.amount.mx", "did you mean 'max'?"),
    ("training: {test_size: 1.5}", "training.test_size", "less than 1, not 1.5"),
    ("training: {test_size: 0}", "training.test_size", "greater than 0, not 0"),
    ("training: {test_size: '0.2'}", "training.test_size", "valid number, not '0.2'"),
    ("churn: {window_days: ten}", "churn.window_days", "valid integer, not 'ten'"),
    ("churn: {window_days: true}", "churn.window_days", "valid integer, not True"),
    ("churn: {window_days: 0}", "churn.window_days", "greater than or equal to 1"),
    ("churn: {window_days: 120}", "churn.window_days", "does not fit into 120 days"),
    ("features: {windows_days: []}", "features.windows_days", "no window given"),
    ("features: {windows_days: [7, 7]}", "features.windows_days", "named twice"),
    ("features: {windows_days: [7, 121]}", "features.windows_days", "longer than the 120 days"),
    ("tables: {format: xlsx}", "tables.format", "'csv' or 'parquet', not 'xlsx'"),
    ("churn: {active_events: [logn]}", "churn.active_events", "did you mean 'login'?"),
    ("features: {counts: {a: [logn]}, ratios: {}}", "features.counts.a", "did you mean 'login'?"),
    ("features: {sums: {a: {measure: amnt}}}", "features.sums.a.measure", "'amount'?"),
    ("data: {source: files}", "data.files.events", "no path of events"),
    ("data: {source: sql, sql: {events: e}}", "data.sql.url", "not given"),
    ("data: {start_date: soon}", "data.start_date", "Invalid isoformat"),
    ("data: {end_date: 2024-01-01}", "data.end_date", "lies before data.start_date"),
    ("data: {end_date: 2026-01-01}", "data.end_date", "lies after the portal's last day"),
    ("data: {start_date: null}", "data.start_date", "needs a first day"),
    ("churn: {within_subscription: true}", "churn.within_subscription", "data.subscriptions"),
    ("training: {test_end: 2025-03-01}", "training", "test_end needs test_start"),
    (
        "training: {train_start: 2025-03-01, train_end: 2025-02-01}",
        "training",
        "train_end 2025-02-01 lies before train_start 2025-03-01",
    ),
    (
        "training: {train_start: 2025-03-01, test_start: 2025-02-01}",
        "training.test_start",
        "is not after training.train_start",
    ),
    ("validation: {required: {login: amont}}", "validation.required.login", "'amount'?"),
    ("duckdb: {memory_limit: lots}", "duckdb.memory_limit", "pattern"),
]


@pytest.mark.parametrize(("text", "key", "words"), MISTAKES, ids=[m[0] for m in MISTAKES])
def test_a_mistake_names_its_key(workspace: Path, text: str, key: str, words: str) -> None:
    (workspace / "params.yaml").write_text(text)
    with pytest.raises(ParamsError) as caught:
        params.load(environment={})
    assert f"\n  {key}: " in caught.value.message
    assert words in caught.value.message
    assert caught.value.exit_code == 10
    assert "docs/params.md" in str(caught.value)


def test_all_mistakes_are_named_at_once(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("chrn: 1\ntraining: {test_size: 2.0}")
    with pytest.raises(ParamsError, match="2 mistakes"):
        params.load(environment={})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a\n- b", "must hold sections"),
        ("a: [", "cannot be read as YAML"),
        ("x", "must hold"),
        ("data: {start_date: 2025-13-01}", "month must be in 1..12"),
    ],
)
def test_no_tree_at_all(workspace: Path, content: str, words: str) -> None:
    (workspace / "params.yaml").write_text(content)
    with pytest.raises(ParamsError, match=words):
        params.load(environment={})


def test_a_missing_file_says_where(workspace: Path) -> None:
    with pytest.raises(ParamsError, match=r"no params\.yaml in") as caught:
        params.load(environment={})
    assert "--params" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CHURN__TABLES__FORMAT", "[", "not valid YAML"),
        ("CHURN__ENGINE__NAME", "spark", "'engine' is a value, not a section"),
    ],
)
def test_a_broken_override_names_itself(workspace: Path, name: str, value: str, words: str) -> None:
    (workspace / "params.yaml").write_text("engine: duckdb")
    with pytest.raises(ParamsError, match=words) as caught:
        params.load(environment={name: value})
    assert name in str(caught.value)


def test_parameters_cannot_be_changed(make_params: Any) -> None:
    with pytest.raises(Exception, match="frozen"):
        make_params().churn.window_days = 3
