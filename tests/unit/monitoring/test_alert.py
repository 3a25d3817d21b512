"""People are told what moved, once; nothing is swallowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from churn_mlops.data.bad_days import BadDay, mark
from churn_mlops.errors import ContractError, NotifyError, ParamsError
from churn_mlops.monitoring import alert
from churn_mlops.monitoring.delivered import told_path
from churn_mlops.params import Params
from churn_mlops.registry.champion import production_folder
from churn_mlops.registry.history import ledger
from tests.monitored import DAY, path_of, write_all, write_file
from tests.receiver import Answer, Receiver, receiver
from tests.trained import params_in

UNIT = {"check": "CHN405", "level": "FAIL", "column": "größe<b>", "upstream": True,
        "text": "größe<b> & Co: all values × 60, as minutes were seconds"}  # fmt: skip
MOVED = {"check": "CHN411", "level": "FAIL", "column": "logins_7d", "upstream": False,
         "text": "logins_7d: value 0 in 29 % → 61 % of users, PSI 0.52"}  # fmt: skip


def failing(*findings: dict[str, Any]) -> dict[str, Any]:
    headline = f"FAIL: {findings[0]['text']}" if findings else "FAIL"
    return {"status": "FAIL", "headline": headline, "findings": list(findings)}


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


def made(folder: Path, **over: Any) -> Params:
    settings = {"tries": 2, "backoff_seconds": 0.0, "timeout_seconds": 5.0, **over}
    params = params_in(folder, monitoring={"alert": settings})
    write_all(params)
    production_folder(params).mkdir(parents=True, exist_ok=True)
    return params


@pytest.fixture
def params(tmp_path: Path, hook: Receiver) -> Params:
    return made(tmp_path, webhook=hook.url, link="https://churn.example.org/")


def lines_of(hook: Receiver) -> str:
    (body,) = hook.bodies
    return "\n".join(body["lines"])


def test_a_calm_day_has_nothing_to_tell(params: Params, hook: Receiver) -> None:
    summary = alert.run(params)
    assert summary.facts["outcome"] == "nothing"
    assert summary.lines == [f"nothing to tell: the check of {DAY} says WARN"]
    assert hook.requests == []


def test_without_a_champion_or_a_check_it_says_so(tmp_path: Path, hook: Receiver) -> None:
    params = made(tmp_path, webhook=hook.url)
    path_of(params, "drift").unlink()
    path_of(params, "validation").unlink()
    assert alert.run(params).lines == ["nothing to tell: there is no drift check yet"]
    production_folder(params).rmdir()
    assert alert.run(params).lines == ["nothing to tell: there is no champion yet"]


def test_even_then_a_channel_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="nobody would be told"):
        alert.run(made(tmp_path))


def test_what_moved_is_told_with_its_numbers(params: Params, hook: Receiver) -> None:
    write_file(params, "drift", failing(MOVED))
    summary = alert.run(params)
    assert summary.rows == {"told": 1}
    body, text = hook.bodies[0], lines_of(hook)
    assert body["title"] == f"churn: drift on {DAY}: FAIL: {MOVED['text']}"
    assert body["severity"] == "critical"
    assert body["link"] == "https://churn.example.org/"
    assert f"FAIL CHN411: {MOVED['text']}" in text
    assert "1,311 users" in text
    assert "No fault of the source explains it. 0 of the last 5 checks FAIL; from 3 on" in text
    assert "Performance of the list of 2025-04-30: OK, estimated pr_auc 0.910, floor 0.740" in text
    assert "Model: 57a7a8b792bf" in text
    facts = body["facts"]
    assert (facts["as_of_date"], facts["drift_status"], facts["upstream"]) == (DAY, "FAIL", False)
    assert facts["findings"] == [MOVED]


def test_a_fault_of_the_source_is_no_reason_to_train(params: Params, hook: Receiver) -> None:
    write_file(params, "drift", failing(UNIT, MOVED))
    mark(params, BadDay(date.fromisoformat(DAY), "CHN405", "minutes were seconds", False))
    alert.run(params)
    text = lines_of(hook)
    assert "churn: data broken at its source on 2025-04-30" in hook.bodies[0]["title"]
    assert f"FAIL CHN405 (at the source): {UNIT['text']}" in text
    assert "Retraining does nothing about it" in text
    assert "Nothing is learned from 2025-04-30 (CHN405): minutes were seconds" in text
    assert hook.bodies[0]["facts"]["upstream"] is True


@pytest.mark.parametrize(
    ("action", "words"),
    [("retrain_waited", "Retraining waits: too early"), ("retrained", "Retraining was done: too")],
)
def test_what_retraining_did_is_told(
    action: str, words: str, params: Params, hook: Receiver
) -> None:
    write_file(params, "drift", failing(MOVED))
    ledger(params).append(action, as_of_date=DAY, reason="too early", evidence={})
    alert.run(params)
    assert words in lines_of(hook)


def test_a_refused_day_is_told_with_its_checks(params: Params, hook: Receiver) -> None:
    write_file(params, "validation", {"status": "failed"})
    alert.run(params)
    assert hook.bodies[0]["title"] == f"churn: data up to {DAY} did not pass its checks"
    assert "users: 0.10% of 2,000 rows: CHN113 duplicate id: 2" in lines_of(hook)


def test_data_that_nobody_checked_is_told(params: Params, hook: Receiver) -> None:
    write_file(params, "drift", {"as_of_date": "2025-04-28", "status": "OK"})
    alert.run(params)
    assert hook.bodies[0]["severity"] == "warning"
    assert "reaches to 2025-04-30, but the latest drift check is of 2025-04-28" in lines_of(hook)


@pytest.mark.parametrize("name", ["drift", "validation"])
def test_a_damaged_file_is_told_and_is_an_error(name: str, params: Params, hook: Receiver) -> None:
    path = write_file(params, name)
    path.write_text('{"status": "FA')
    for _ in range(2):
        with pytest.raises(ContractError, match="is damaged") as raised:
            alert.run(params)
        assert raised.value.exit_code == 12
    assert f"{path} is damaged" in lines_of(hook)


def test_the_same_news_are_told_once(params: Params, hook: Receiver) -> None:
    write_file(params, "drift", failing(MOVED))
    first = alert.run(params)
    assert first.outputs == [told_path(params, date.fromisoformat(DAY))]
    # What becomes of it is no news.
    ledger(params).append("retrained", as_of_date=DAY, reason="done", evidence={})
    second = alert.run(params)
    assert second.facts["outcome"] == "known"
    assert len(hook.requests) == 1
    alert.run(params, again=True)
    assert len(hook.requests) == 2
    assert hook.bodies[0]["id"] == hook.bodies[1]["id"]


def test_other_findings_are_news(params: Params, hook: Receiver) -> None:
    write_file(params, "drift", failing(MOVED))
    alert.run(params)
    write_file(params, "drift", failing(UNIT))
    alert.run(params)
    write_file(params, "drift", failing(UNIT) | {"as_of_date": "2025-05-01"})
    alert.run(params)
    assert len({body["id"] for body in hook.bodies}) == 3


def test_only_what_was_delivered_is_remembered(tmp_path: Path) -> None:
    with receiver(Answer(500), Answer(500), Answer()) as hook, receiver() as slack:
        params = made(tmp_path, webhook=hook.url, slack=slack.url)
        write_file(params, "drift", failing(MOVED))
        with pytest.raises(NotifyError, match="webhook"):
            alert.run(params)
        noted = json.loads(told_path(params, date.fromisoformat(DAY)).read_text())
        assert noted["messages"][0]["delivered"].keys() == {"slack"}
        summary = alert.run(params)
        assert summary.facts["channels"] == ["webhook"]
        assert len(slack.requests) == 1
        assert alert.run(params).facts["outcome"] == "known"


def test_a_test_is_always_told_and_never_remembered(params: Params, hook: Receiver) -> None:
    for _ in range(2):
        assert alert.run(params, test=True).facts["outcome"] == "test"
    assert [body["facts"] for body in hook.bodies] == [{"test": True}] * 2
    assert not (Path(params.paths.artifacts) / "monitoring/alerts").exists()


def test_many_long_findings_stay_readable(tmp_path: Path, hook: Receiver) -> None:
    with receiver() as slack:
        params = made(tmp_path, webhook=hook.url, slack=slack.url)
        long = [MOVED | {"text": f"column {n} <&> {'漢' * 3_000}"} for n in range(300)]
        write_file(params, "drift", failing(*long))
        alert.run(params)
    assert "… and 290 more findings" in lines_of(hook)
    body = hook.bodies[0]
    assert len(body["title"]) <= 140
    assert all(len(line) <= 600 for line in body["lines"])
    assert all(len(block["text"]["text"]) <= 3_000 for block in slack.bodies[0]["blocks"])
    assert len(slack.bodies[0]["blocks"][0]["text"]["text"]) <= 150
