"""Going back and looking back, through the program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.commands.run import fail
from churn_mlops.errors import ChurnError, LedgerError, PromotionError, ReproduceError
from churn_mlops.params import Params
from churn_mlops.registry.history import ledger
from churn_mlops.summary import Summary
from tests import contenders
from tests.contenders import FAIR, GOOD, Place
from tests.mlflow_store import Store

pytestmark = pytest.mark.slow

run = CliRunner().invoke


def code_of(error: BaseException | None, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Exit code and message with which the program ends."""
    assert isinstance(error, ChurnError)
    with pytest.raises(SystemExit) as left:
        fail(error)
    return left.value.code, capsys.readouterr().err


def noted(folder: Path) -> Params:
    """Two decisions in the ledger of a folder with a params.yaml."""
    params = Params.model_validate({"paths": {"artifacts": str(folder / "artifacts")}})
    (folder / "params.yaml").write_text(json.dumps({"paths": {"artifacts": "artifacts"}}))
    book = ledger(params)
    for name in "ab":
        challenger = {"digest": name, "version": name, "family": "lightgbm", "registered": 1}
        book.append("promoted", challenger=challenger, reason="+0.1")
    return params


def test_without_decisions_the_history_says_so(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    assert run(app, ["history"]).stdout == "no decision yet\n"
    body = json.loads(run(app, ["history", "--json"]).stdout)
    assert body == {"entries": [], "verified": False}


def test_the_history_has_a_line_per_decision(workspace: Path) -> None:
    noted(workspace)
    lines = run(app, ["history"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert lines[1].endswith("promoted          b (lightgbm): +0.1")
    body = json.loads(run(app, ["history", "--json"]).stdout)
    assert [entry["n"] for entry in body["entries"]] == [1, 2]
    assert body["entries"][1]["previous"] == body["entries"][0]["hash"]


def test_a_changed_line_is_code_18_even_without_verify(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ledger(noted(workspace)).path
    path.write_text(path.read_text().replace("+0.1", "+0.9", 1))
    result = run(app, ["history"])
    assert isinstance(result.exception, LedgerError)
    code, message = code_of(result.exception, capsys)
    assert code == 18
    assert "line 1 is not as it was written" in message


def test_rollback_needs_a_reason(workspace: Path) -> None:
    (workspace / "params.yaml").write_text("")
    result = run(app, ["rollback"])
    assert result.exit_code == 2
    assert "--reason" in result.output


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory, mlflow_store: Store) -> Place:
    """A folder with params.yaml, MLflow's registry and two champions, one after the other."""
    folder = tmp_path_factory.mktemp("promoted")
    with mlflow_store.is_used():
        place = contenders.place_in(folder, mlflow_store, "commands")
        (folder / "params.yaml").write_text(place.params.model_dump_json())
        for every in (FAIR, GOOD):
            place.train(every)
            assert place.promote()["decision"] == "promoted"
    return place


@pytest.fixture
def at_home(promoted: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """In the folder of `promoted`; the program asks MLflow in a process of its own."""
    monkeypatch.chdir(promoted.root.parent)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return promoted


@pytest.fixture
def here(at_home: Place, mlflow_store: Store) -> Iterator[Place]:
    """In the folder of `promoted`; the program asks MLflow without a process."""
    with mlflow_store.is_used():
        yield at_home


def test_the_program_reads_what_a_process_of_its_own_answers(at_home: Place) -> None:
    result = run(app, ["history", "--verify"])
    assert result.stdout.endswith("entries, none changed\n")


def test_verify_compares_with_what_the_registry_noted(
    here: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(app, ["history", "--verify"])
    assert result.stdout.endswith("2 entries, none changed\n")
    path = here.root / "ledger.jsonl"
    whole = path.read_text()
    try:
        # The chain of what is left is sound: only the registry knows that there was more.
        path.write_text(whole.splitlines(keepends=True)[0])
        assert run(app, ["history"]).exit_code == 0
        result = run(app, ["history", "--verify"])
        code, message = code_of(result.exception, capsys)
        assert code == 18
        assert "its end was cut off" in message
        path.unlink()
        assert code_of(run(app, ["history", "--verify"]).exception, capsys)[0] == 18
        # Made anew from the start, with right hashes.
        path.write_text("")
        for entry in ("one", "two"):
            ledger(here.params).append("refused", reason=entry)
        code, message = code_of(run(app, ["history", "--verify"]).exception, capsys)
        assert code == 18
        assert "written anew" in message
    finally:
        path.write_text(whole)


def test_rollback_and_what_it_prints(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    entries = ledger(here.params).entries()
    first, second = (entry.facts["challenger"]["version"] for entry in entries)
    result = run(app, ["rollback", "--reason", "calls doubled", "--json"])
    assert result.exit_code == 0, result.exception
    body = json.loads(result.stdout)
    assert body["stage"] == "rollback"
    assert body["facts"] == {"champion": first, "instead_of": second, "registered": 1}
    again = run(app, ["rollback", "--reason", "more"])
    assert isinstance(again.exception, PromotionError)
    code, message = code_of(again.exception, capsys)
    assert code == 19
    assert "churn history" in message
    result = run(app, ["promote", "--json"])
    assert json.loads(result.stdout)["facts"]["decision"] == "refused"
    back = run(app, ["rollback", "--reason", "it was the calls", "--to", second[:8]])
    assert f"champion {second}" in back.stdout
    text = run(app, ["history", "--verify"]).stdout
    assert text.endswith("5 entries, none changed\n")
    assert f"{first} -> {second}: it was the calls" in text


def test_reproduce_tells_of_another_model_by_its_exit_code(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "params.yaml").write_text("")
    given: dict[str, object] = {}

    def action(params: Params, version: str, **options: object) -> Summary:
        given.update(options, version=version)
        return Summary("reproduce", {}, [], {"equal": version == "1"}, [f"version {version}"])

    monkeypatch.setattr("churn_mlops.registry.reproduce.run", action)
    assert run(app, ["reproduce", "1"]).exit_code == 0
    options = ["--into", "new", "--from-raw", "--cache-dir", "c", "--force", "--json"]
    done = run(app, ["reproduce", "abc", *options])
    assert done.exit_code == ReproduceError.exit_code
    assert json.loads(done.stdout)["facts"] == {"equal": False}
    assert given == {
        "version": "abc",
        "into": Path("new"),
        "from_raw": True,
        "cache": Path("c"),
        "force": True,
    }
