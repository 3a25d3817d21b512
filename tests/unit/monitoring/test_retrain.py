"""What `run` notes of a decision that does not train, and how a killed training is taken up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_mlops.data.calendar import report_path
from churn_mlops.data.watermark import Watermark, write_watermark
from churn_mlops.errors import ParamsError, RetrainError
from churn_mlops.monitoring import retrain
from churn_mlops.params import Params
from churn_mlops.registry.history import as_text, ledger
from churn_mlops.summary import Summary
from tests.monitored import DRIFT
from tests.watched import DAYS, day, put_calendar, watched

LAST = DAYS - 1


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(tmp_path)
    return watched(tmp_path)


def version(params: Params) -> str:
    return retrain.read_evidence(params).champion


def drifted(params: Params, *days: int, status: str = "FAIL") -> None:
    """Drift checks against the present champion, failed ones unless told."""
    folder = Path(params.paths.artifacts) / "monitoring/drift"
    folder.mkdir(parents=True, exist_ok=True)
    for n in days:
        body = DRIFT | {
            "as_of_date": str(day(n)),
            "status": status,
            "model_version": version(params),
        }
        (folder / f"{day(n)}.json").write_text(json.dumps(body))


def run(params: Params, **options: Any) -> Summary:
    return retrain.run(params, "params.yaml", **{"reason": None, **options})


def latest(params: Params) -> dict[str, Any]:
    path = Path(params.paths.artifacts) / "monitoring/retrain_latest.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def actions(params: Params) -> list[str]:
    return [one.action for one in ledger(params).entries()]


def test_without_a_reason_nothing_is_noted_in_the_ledger(params: Params) -> None:
    assert run(params).facts["action"] == "nothing"
    assert actions(params) == []
    assert (latest(params)["action"], latest(params)["waiting_since"]) == ("nothing", None)


def test_a_dry_run_writes_nothing(params: Params) -> None:
    drifted(params, LAST - 2, LAST - 1, LAST)
    summary = run(params, dry_run=True)
    assert (summary.facts["action"], summary.facts["dry_run"]) == ("wait", True)
    assert summary.lines[0].startswith("WAIT for CHN506")
    assert actions(params) == []
    assert not (Path(params.paths.artifacts) / "monitoring/retrain_latest.json").exists()


def test_a_reason_that_waits_is_noted_once_a_day_with_its_evidence(params: Params) -> None:
    drifted(params, LAST - 2, LAST - 1, LAST)
    run(params)
    assert run(params).facts["action"] == "wait"
    assert actions(params) == ["retrain_waited"]
    (line,) = ledger(params).entries()
    assert line.facts["as_of_date"] == str(day(LAST))
    assert line.facts["evidence"]["triggers"][0]["since"] == str(day(LAST - 2))
    assert (
        f"day {day(LAST)}: CHN506 no mature day lies after the change since {day(LAST - 2)}"
        in as_text([line])
    )
    put_calendar(params, LAST + 2)
    run(params)
    assert actions(params) == ["retrain_waited"] * 2
    assert latest(params)["waiting_since"] == str(day(LAST))
    put_calendar(params, LAST + 10)
    drifted(params, *range(LAST + 3, LAST + 8), status="OK")
    drifted(params, LAST + 8, LAST + 9, LAST + 10)
    run(params)
    assert latest(params)["waiting_since"] == str(day(LAST + 10)), "another wait"


def test_only_the_workspaces_own_parameters_train(
    params: Params,
) -> None:
    with pytest.raises(ParamsError, match=r"no workspace|trained by DVC"):
        run(params, reason="now")
    assert actions(params) == []
    assert not begun_path(params).exists()


def begun_path(params: Params) -> Path:
    return Path(params.paths.artifacts) / "monitoring/retrain_begun.json"


def begin(params: Params, **over: Any) -> None:
    """What a training that was killed has left."""
    made = retrain.decide(retrain.read_evidence(params), params, reason="new tariff").as_json()
    path = begun_path(params)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made | {"after": 0} | over))


def test_killed_after_the_gates_line_only_its_own_is_missing(params: Params) -> None:
    begin(params)
    challenger = {"version": "c" * 12, "digest": "c" * 64, "family": "x"}
    told = {"challenger": challenger, "champion": None, "reason": "better"}
    ledger(params).append("promoted", **told, as_of_date=str(day(LAST)))
    put_calendar(params, LAST + 1)
    summary = run(params)
    assert summary.facts["trained"] == {
        "decision": "promoted", "reason": "better", "version": "c" * 12,
    }  # fmt: skip
    assert actions(params) == ["promoted", "retrained"]
    assert ledger(params).entries()[-1].facts["as_of_date"] == str(day(LAST))
    assert not begun_path(params).exists()
    assert latest(params)["trained"]["decision"] == "promoted"


def pipeline(folder: Path, command: str, deps: tuple[str, ...] = ()) -> None:
    """Make the folder a workspace whose gate is a command; without files it depends on nothing."""
    stage = {"cmd": command} | ({"deps": list(deps)} if deps else {})
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"promote_model": stage}}))
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)


GATE = """
import sys
from pathlib import Path
from churn_mlops.registry.ledger import Ledger
told = {"challenger": {"version": "c" * 12}, "reason": "no better", "as_of_date": sys.argv[2]}
Ledger(Path(sys.argv[1])).append("refused", **told)
sys.exit(3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("decided", [True, False])
def test_a_stage_that_fails_after_the_gate_has_trained_all_the_same(
    tmp_path: Path, params: Params, decided: bool
) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json")))
    (tmp_path / "gate.py").write_text(GATE)
    command = f"{sys.executable} gate.py {ledger(params).path} {day(LAST)}"
    pipeline(tmp_path, command if decided else "exit 3")
    with pytest.raises(RetrainError):
        run(params, reason="new tariff")
    assert not begun_path(params).exists()
    assert actions(params) == (["refused", "retrained"] if decided else [])
    found = retrain.read_evidence(params)
    assert found.retrained == ((day(LAST),) if decided else ())


def trainable(tmp_path: Path, params: Params) -> Path:
    """A workspace whose training refuses, and has nothing to do the second time."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params.model_dump(mode="json")))
    (tmp_path / "gate.py").write_text(GATE.replace("sys.exit(3)", ""))
    command = f"{sys.executable} gate.py {ledger(params).path} {day(LAST)}"
    pipeline(tmp_path, command, ("gate.py",))
    return tmp_path


@pytest.mark.slow
def test_who_asks_twice_for_the_same_is_told_it_again(tmp_path: Path, params: Params) -> None:
    trainable(tmp_path, params)
    first = run(params, reason="new tariff").facts
    written = (latest(params), actions(params))
    assert written[1] == ["refused", "retrained"]
    assert run(params, reason="new tariff").facts == first
    assert (latest(params), actions(params)) == written
    assert not begun_path(params).exists()
    other = run(params, reason="another").facts
    assert other["trained"]["decision"] == "up_to_date"
    assert actions(params) == ["refused", "retrained", "retrained"]


def test_killed_after_its_own_line_it_writes_none_twice(tmp_path: Path, params: Params) -> None:
    trainable(tmp_path, params)
    begin(params)
    body = begun_path(params).read_text()
    told = run(params).facts
    written = latest(params)
    begun_path(params).write_text(body)
    assert run(params).facts == told
    assert (latest(params), actions(params)) == (written, ["refused", "retrained"])
    assert not begun_path(params).exists()


def test_killed_before_the_gate_on_an_earlier_day_it_is_decided_anew(params: Params) -> None:
    begin(params)
    put_calendar(params, LAST + 1)
    assert run(params).facts["action"] == "nothing"
    assert not begun_path(params).exists()
    assert actions(params) == []


def test_killed_today_by_hand_it_is_still_by_hand(params: Params) -> None:
    begin(params)
    summary = run(params, dry_run=True)
    assert summary.facts["action"] == "retrain"
    assert summary.facts["triggers"][0]["text"] == "new tariff"


def test_killed_while_dvc_validated_it_is_taken_up(params: Params) -> None:
    begin(params)
    report_path(params).unlink()
    write_watermark(params, Watermark(day(LAST), True, "x", {}))
    told = run(params, dry_run=True).facts
    assert told["action"] == "retrain"
    assert "CHN501" not in [one["check"] for one in told["checks"] if not one["passed"]]
    begun_path(params).unlink()
    anew = run(params, dry_run=True, reason="new tariff").facts
    assert anew["action"] == "wait"


def test_a_probation_is_not_judged_again_when_a_training_is_taken_up(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Params] = []
    monkeypatch.setattr(retrain.probation, "run", judged.append)
    begin(params)
    with pytest.raises(ParamsError):
        run(params)
    assert not judged
    begun_path(params).unlink()
    with pytest.raises(ParamsError):
        run(params, reason="new tariff")
    assert judged == [params]
