from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_mlops.errors import LedgerError
from churn_mlops.registry import ledger as module
from churn_mlops.registry.ledger import START, Ledger
from tests.conftest import examples


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "ledger.jsonl")
    made.append("register", version=1, metrics={"pr_auc": 0.5, "note": None})
    made.append("promote", version=1, reasons=["first", "größer"])
    made.append("refuse", version=2)
    made.append("roll_back", to=1, by="\u2028 and \ud800")
    return made


def lines_of(ledger):
    return ledger.path.read_bytes().splitlines(keepends=True)


def again(content, **changes):
    """A line with other content and a fitting hash of its own."""
    content = {**content, **changes}
    content.pop("hash", None)
    return module._canonical({**content, "hash": module._hash(content)}) + b"\n"


def test_entries_are_read_back_as_they_were_written(ledger):
    first, second, *_ = ledger.entries()
    assert (first.n, first.action, first.previous) == (1, "register", START)
    assert first.facts == {"version": 1, "metrics": {"pr_auc": 0.5, "note": None}}
    assert second.facts["reasons"] == ["first", "größer"]
    assert second.previous == first.hash
    assert first.at.endswith("+00:00")
    assert len(first.at) == 25
    written = ledger.append("last", x=-0.0)
    assert ledger.entries()[-1] == written
    assert ledger.head() == (5, written.hash)


def test_a_ledger_without_entries_is_whole(tmp_path):
    ledger = Ledger(tmp_path / "deep" / "down" / "ledger.jsonl")
    assert ledger.entries() == []
    assert ledger.head() == (0, START)
    ledger.verify(ledger.head())
    assert not ledger.path.parent.exists()
    ledger.append("begin")
    ledger.verify((0, START))
    empty = Ledger(tmp_path / "empty")
    empty.path.touch()
    assert empty.append("begin").n == 1


def test_a_fact_may_have_the_name_of_a_field(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    facts = {"n": 9, "at": 1, "action": "x", "hash": "y", "previous": "z", "self": 0}
    ledger.append("odd", **facts)
    assert ledger.entries()[0].facts == facts


@pytest.mark.parametrize(
    "fact", [math.nan, math.inf, {1: 2}, (1, 2), {3}, object(), b"x", [float("-inf")]]
)
def test_what_is_no_json_is_refused(ledger, fact):
    before = ledger.path.read_bytes()
    with pytest.raises(LedgerError, match="cannot note 'x': a fact"):
        ledger.append("x", fact=fact)
    assert ledger.path.read_bytes() == before


def changed(lines):
    return [lines[0], lines[1].replace(b'"version":1', b'"version":2'), *lines[2:]]


def rehashed(lines):
    return [lines[0], again(json.loads(lines[1]), action="refuse"), *lines[2:]]


def inserted(lines):
    second = json.loads(lines[1])
    return [*lines[:2], again(second, n=3, previous=second["hash"]), *lines[2:]]


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (changed, "line 2 is not as it was written"),
        (rehashed, r"line 3 \(entry 3\) does not follow"),
        (inserted, r"line 4 \(entry 3\) does not follow"),
        (lambda lines: [lines[0], *lines[2:]], r"line 2 \(entry 3\) does not follow"),
        (lambda lines: lines[1:], r"line 1 \(entry 2\) does not follow"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], r"line 2 \(entry 3\)"),
        (lambda lines: [*lines, lines[3]], r"line 5 \(entry 4\) does not follow"),
        (lambda lines: [*lines[:2], lines[2][:40], b"\n", lines[3]], "line 3 is not as"),
        (lambda lines: [*lines[:2], lines[2][:40], lines[3]], "line 3 is not as"),
        (lambda lines: [*lines[:3], lines[3][:40]], "line 4 is cut off"),
        (lambda lines: [*lines[:3], lines[3][:-1]], "line 4 is cut off"),
        (lambda lines: [lines[0], b"\n", *lines[1:]], "line 2 is not as"),
        (lambda lines: [*lines, b"\n"], "line 5 is not as"),
        (lambda lines: [*lines, b"null\n"], "line 5 is not as"),
        (lambda lines: [*lines, b"[" * 100_000 + b"\n"], "line 5 is not as"),
        (lambda lines: [b"\xef\xbb\xbf" + lines[0], *lines[1:]], "line 1 is not as"),
        (lambda lines: [line.replace(b"\n", b"\r\n") for line in lines], "line 1 is not as"),
        (lambda lines: [lines[0].replace(b'"n":1', b'"n": 1'), *lines[1:]], "line 1 is not as"),
        (lambda lines: [again(json.loads(lines[0]), n=True), *lines[1:]], "line 1 is not as"),
        (lambda lines: [again(json.loads(lines[0]), more=1), *lines[1:]], "line 1 is not as"),
    ],
)
def test_tampering_is_found_and_not_continued(ledger, tamper, words):
    ledger.path.write_bytes(b"".join(tamper(lines_of(ledger))))
    before = ledger.path.read_bytes()
    for call in (ledger.verify, ledger.entries, ledger.head, lambda: ledger.append("x")):
        with pytest.raises(LedgerError, match=words) as caught:
            call()
        assert str(ledger.path) in caught.value.message
        assert caught.value.fix
    assert ledger.path.read_bytes() == before


def test_lines_cut_off_at_the_end_are_found_with_the_head_only(ledger):
    head = ledger.head()
    ledger.path.write_bytes(b"".join(lines_of(ledger)[:2]))
    ledger.verify()
    with pytest.raises(LedgerError, match="ends after line 2, but line 4 has been there"):
        ledger.verify(head)
    ledger.path.unlink()
    with pytest.raises(LedgerError, match="ends after line 0"):
        ledger.verify(head)


def test_a_chain_made_anew_is_found_with_the_head_only(ledger):
    early, late = (2, ledger.entries()[1].hash), ledger.head()
    previous, forged = START, []
    for line in lines_of(ledger):
        changes = {"previous": previous}
        if len(forged) == 2:
            changes["action"] = "promote"
        forged.append(again(json.loads(line), **changes))
        previous = json.loads(forged[-1])["hash"]
    ledger.path.write_bytes(b"".join(forged))
    ledger.verify()
    ledger.verify(early)
    with pytest.raises(LedgerError, match="line 4 is another one"):
        ledger.verify(late)
    with pytest.raises(LedgerError, match="line 0 is another one"):
        ledger.verify((0, "1" * 64))


def test_an_earlier_head_stays_good_while_the_ledger_grows(ledger):
    head = ledger.head()
    ledger.append("more")
    assert ledger.verify(head) is None
    assert ledger.head() != head


@settings(
    max_examples=examples(200),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_changed_missing_or_additional_byte_is_found(ledger, data):
    whole = ledger.path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    kind = data.draw(st.sampled_from(["change", "remove", "add"]))
    # The newlines as well: every line, the last one too, ends with exactly one.
    damaged = {
        "change": whole[:at] + byte + whole[at + 1 :],
        "remove": whole[:at] + whole[at + 1 :],
        "add": whole[:at] + byte + whole[at:],
    }[kind]
    if damaged == whole:
        return
    other = Ledger(ledger.path.with_name("other.jsonl"))
    other.path.write_bytes(damaged)
    with pytest.raises(LedgerError, match=r"line [1-5] "):
        other.verify()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Half a surrogate pair too, as file names have them.
    | st.text(st.characters(exclude_categories=())),
    lambda below: st.lists(below) | st.dictionaries(st.text(), below),
    max_leaves=8,
)


@settings(
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(facts=st.dictionaries(st.text(), JSON, max_size=4))
def test_whatever_is_json_can_be_noted(tmp_path, facts):
    ledger = Ledger(tmp_path / "any.jsonl")
    ledger.path.unlink(missing_ok=True)
    ledger.append("note", **facts)
    assert ledger.append("note", **facts).n == 2
    assert [entry.facts for entry in ledger.entries()] == [facts, facts]


def test_two_processes_write_one_chain(tmp_path):
    path = tmp_path / "ledger.jsonl"
    code = """
import sys
from pathlib import Path
from churn_mlops.registry.ledger import Ledger
for i in range(50):
    Ledger(Path(sys.argv[1])).append("count", by=sys.argv[2], i=i)
"""
    command = [sys.executable, "-c", code, str(path)]
    writers = [subprocess.Popen([*command, name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    found = [(entry.facts["by"], entry.facts["i"]) for entry in Ledger(path).entries()]
    assert len(found) == 100
    for name in ("a", "b"):
        assert [i for by, i in found if by == name] == list(range(50))


def test_threads_write_one_chain_while_others_read(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl")
    faults = []

    def work(call):
        try:
            for _ in range(20):
                call()
        except LedgerError as error:
            faults.append(error)

    calls = [lambda: ledger.append("count"), lambda: ledger.append("count"), ledger.verify]
    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert ledger.head()[0] == 40


def test_a_full_disk_leaves_the_ledger_as_it_was(ledger, monkeypatch):
    before = ledger.path.read_bytes()
    write = os.write
    parts = iter([20])

    def full(file, body):
        room = next(parts, 0)
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, body[:room])

    monkeypatch.setattr(module.os, "write", full)
    with pytest.raises(LedgerError, match="cannot be written: No space left"):
        ledger.append("x")
    monkeypatch.undo()
    assert ledger.path.read_bytes() == before
    assert ledger.append("x").n == 5


def test_a_write_in_parts_is_one_line(ledger, monkeypatch):
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda file, body: write(file, body[:7]))
    ledger.append("x")
    assert ledger.head()[0] == 5


def test_a_path_that_is_no_file_is_told(tmp_path):
    with pytest.raises(LedgerError, match="cannot be written: Is a directory"):
        Ledger(tmp_path).append("x")
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="cannot be read: Not a directory"):
        Ledger(tmp_path / "file" / "ledger.jsonl").verify()
