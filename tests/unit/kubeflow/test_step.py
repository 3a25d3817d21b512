"""A stage as a step of the pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.errors import ParamsError
from churn_mlops.files import write_json
from churn_mlops.kubeflow import step
from churn_mlops.kubeflow.dvc_stages import GATE, NO_CHAMPION
from churn_mlops.kubeflow.given import read_given
from churn_mlops.params import Params
from churn_mlops.registry.history import PROMOTED, REFUSED, ledger
from tests.unit.kubeflow.project import message, project

PREPARED = ("processed_users", "processed_report")


def raw(folder: Path) -> Path:
    (folder / "raw").mkdir()
    (folder / "raw/users.csv").write_text("7")
    return folder / "raw"


def test_its_command_runs_with_its_parameters_and_its_output_goes_out(tmp_path: Path) -> None:
    own = project(tmp_path / "project")
    given = message(tmp_path, outputs=("raw",), parameters={"data_synthetic_users": 400.0})
    ended = step.run("generate_data", read_given(given), [own])
    assert ended.exit_code == 0
    assert (tmp_path / "raw/users.csv").read_text() == "400\n"
    assert set(json.loads((tmp_path / "report.json").read_text())["artifacts"]) == {"raw"}
    assert not (own / "data").exists(), "the workspace is the step's own"


def test_its_inputs_are_there_and_stay_as_they_are(tmp_path: Path) -> None:
    given = message(tmp_path / "out", inputs={"raw": raw(tmp_path)}, outputs=PREPARED)
    ended = step.run("prepare_data", read_given(given), [project(tmp_path / "project")])
    assert ended.exit_code == 0
    assert (tmp_path / "out/processed_users").read_text() == "7"
    shown = json.loads((tmp_path / "out/report.json").read_text())["artifacts"]
    assert shown["processed_report"]["artifacts"][0]["metadata"] == {"rows": 2}


def test_of_a_stage_that_fails_nothing_goes_out(tmp_path: Path) -> None:
    command = "mkdir -p data/processed && echo half > data/processed/users.csv; exit 13"
    own = project(tmp_path / "project", {"prepare_data": {"cmd": command}})
    given = message(tmp_path / "out", inputs={"raw": raw(tmp_path)}, outputs=PREPARED)
    assert step.run("prepare_data", read_given(given), [own]).exit_code == 13
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"data_source": "nowhere"}, "data.source"),
        ({"overrides": {"data.sorce": "sql"}}, "did you mean 'source'"),
        ({"data_source": "files", "data_files_events": "e.csv"}, "data_end_date is missing"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_runs(
    tmp_path: Path, parameters: dict[str, Any], said: str
) -> None:
    given = message(tmp_path / "out", outputs=("raw",), parameters=parameters)
    with pytest.raises(ParamsError, match=said):
        step.run("generate_data", read_given(given), [project(tmp_path / "project")])
    assert not (tmp_path / "out").exists()


def test_a_registry_that_is_gone_with_the_step_is_none(tmp_path: Path) -> None:
    own = project(tmp_path / "project", {"generate_data": {"params": ["tracking"]}})
    given = message(tmp_path, outputs=("raw",), parameters={"tracking_uri": "sqlite:///m.db"})
    with pytest.raises(ParamsError, match=r"tracking_uri is sqlite:///m\.db, which is gone"):
        step.run("generate_data", read_given(given), [own])


def test_a_stage_that_the_image_does_not_have_is_named(tmp_path: Path) -> None:
    given = read_given(message(tmp_path))
    with pytest.raises(ParamsError, match=r"dvc\.yaml has no stage score"):
        step.run("score", given, [project(tmp_path / "project")])


class Gate:
    """The gate's step, whose command only leaves what it is told to."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch

    def ends(self, code: int, *actions: str, decision: str | None = None) -> step.Ended:
        """Run it where the ledger has had these actions and the champion is there if promoted."""
        entry = {
            "desc": "The gate",
            "cmd": "churn promote",
            "deps": [],
            "params": [],
            "outs": ["${paths.artifacts}/production"],
            "metrics": ["${paths.artifacts}/metrics/promotion.json"],
        }
        own = project(self.folder / "project", {"generate_data": {}})
        tree = json.dumps({"stages": {GATE: entry}})
        (own / "dvc.yaml").write_text(tree)

        def command(*_: Any) -> int:
            params = Params()
            for action in actions:
                ledger(params).append(action, reason="0.2 against 0.3")
            if decision:
                write_json(Path("artifacts/metrics/promotion.json"), {"decision": decision})
                Path("artifacts/production").mkdir(parents=True)
            return code

        self.monkeypatch.setattr(step, "_command", command)
        self.monkeypatch.setattr(step, "Tracker", _Nobody)
        self.monkeypatch.setattr(step, "current_champion", lambda *_: None)
        names = ("production", "metrics_promotion")
        given = message(self.folder / "out", outputs=names, results=("Output",))
        return step.run(GATE, read_given(given), [own])


class _Nobody:
    def __init__(self, *_: Any) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(tmp_path, monkeypatch)


def test_the_gate_tells_its_decision(gate: Gate) -> None:
    ended = gate.ends(0, PROMOTED, decision="promoted")
    assert ended.summary.facts == {"decision": "promoted"}
    assert (gate.folder / "out/Output").read_text() == "promoted"
    assert (gate.folder / "out/production").is_dir()


def test_a_first_model_that_is_refused_is_a_decision_with_its_evidence(gate: Gate) -> None:
    ended = gate.ends(19, REFUSED)
    assert (ended.exit_code, (gate.folder / "out/Output").read_text()) == (0, NO_CHAMPION)
    evidence = json.loads((gate.folder / "out/metrics_promotion").read_text())
    assert (evidence["decision"], evidence["reason"]) == ("refused", "0.2 against 0.3")
    assert not (gate.folder / "out/production").exists()
    told = json.loads((gate.folder / "out/report.json").read_text())["artifacts"]
    assert set(told) == {"production", "metrics_promotion"}, "else a local run looks for it in vain"


@pytest.mark.parametrize(("code", "actions"), [(19, ()), (19, (PROMOTED,)), (15, (REFUSED,))])
def test_a_gate_that_could_not_decide_has_failed(
    gate: Gate, code: int, actions: tuple[str, ...]
) -> None:
    assert gate.ends(code, *actions).exit_code == code
    assert not (gate.folder / "out").exists()
