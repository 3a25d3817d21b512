from __future__ import annotations

import os
from pathlib import Path

import pytest

from churn_mlops.errors import PublishError
from churn_mlops.monitoring import textfile
from churn_mlops.monitoring.gauges import STAGE, STATE, Board

LAST = "churn_stage_last_success_timestamp_seconds"


def a_board() -> Board:
    board = Board(STATE)
    board.set("churn_drift_status", 1)
    return board


def test_a_file_is_written_whole_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = textfile.write(tmp_path, "churn_state.prom", a_board())
    assert "churn_drift_status 1.0" in path.read_text()
    assert os.listdir(tmp_path) == ["churn_state.prom"]


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="there is no folder") as raised:
        textfile.write(tmp_path / "none", "churn_state.prom", a_board())
    assert "monitoring.publish.textfile" in (raised.value.fix or "")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    # A folder in the file's place stops root as well.
    (tmp_path / "churn_state.prom").mkdir()
    with pytest.raises(PublishError, match="cannot be written"):
        textfile.write(tmp_path, "churn_state.prom", a_board())
    assert os.listdir(tmp_path) == ["churn_state.prom"]


def test_a_folder_that_takes_no_new_file(tmp_path: Path) -> None:
    # As a folder without the right to write; rights do not stop root, a name's length does.
    name = "x" * 250 + ".prom"
    with pytest.raises(PublishError, match="cannot be written"):
        textfile.write(tmp_path, name, a_board())
    assert os.listdir(tmp_path) == []


def test_the_last_success_is_carried_over(tmp_path: Path) -> None:
    before = Board(STAGE)
    before.set(LAST, 1000, stage='odd "stage"\n')
    before.set("churn_stage_exit_code", 0, stage="x")
    path = textfile.write(tmp_path, "a.prom", before)
    after = Board(STAGE)
    textfile.carry_over(path, after, (LAST,))
    assert after.registry.get_sample_value(LAST, {"stage": 'odd "stage"\n'}) == 1000
    assert after.series == 1


def test_nothing_to_carry_over(tmp_path: Path) -> None:
    board = Board(STAGE)
    textfile.carry_over(tmp_path / "none.prom", board, (LAST,))
    assert (board.series, board.problems) == (0, [])


@pytest.mark.parametrize("body", [b"{{{", b"\xff\xfe", f"{LAST}{{other='x'".encode()])
def test_a_damaged_file_is_named(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "a.prom"
    path.write_bytes(body)
    board = Board(STAGE)
    textfile.carry_over(path, board, (LAST,))
    assert board.series == 0
    assert str(path) in board.problems[0]
