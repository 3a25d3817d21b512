"""What processes use is counted once, also of children that end and of those that lose a parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import process_tree
import pytest

MB = 1_000_000
WRITE = "open({path!r}, 'wb').write(b'1' * {size})"


def write(path: Path, size: int) -> str:
    return WRITE.format(path=str(path), size=size)


def used(code: str, folder: Path, **more: object) -> process_tree.Usage:
    command = [sys.executable, "-c", code]
    return process_tree.measured(command, folder, dict(os.environ), folder / "out", **more)  # type: ignore[arg-type]


def child(code: str) -> str:
    return f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}], check=True)"


def test_bytes_of_children_that_were_waited_for_count_once(tmp_path: Path) -> None:
    code = child(child(write(tmp_path / "a", 30 * MB)))
    code += f"; {write(tmp_path / 'b', 5 * MB)}; import time; time.sleep(0.6)"
    usage = used(code, tmp_path)
    assert usage.exit_code == 0
    assert usage.bytes_written == pytest.approx(35 * MB, rel=0.01)


@pytest.mark.slow
def test_a_child_that_lost_its_parent_counts(tmp_path: Path) -> None:
    late = f"import time; time.sleep(1); {write(tmp_path / 'a', 20 * MB)}; time.sleep(1)"
    leaves = "import subprocess, sys, time; time.sleep(0.5);"
    leaves += f"subprocess.Popen([sys.executable, '-c', {late!r}], start_new_session=True);"
    leaves += "time.sleep(0.5)"
    usage = used(f"{child(leaves)}; import time; time.sleep(3)", tmp_path)
    assert usage.bytes_written == pytest.approx(20 * MB, rel=0.01)


@pytest.mark.slow
def test_memory_is_that_of_one_moment(tmp_path: Path) -> None:
    hold = (
        "x = bytearray(100_000_000); x[::4096] = b'1' * len(x[::4096]); import time; time.sleep(1)"
    )
    usage = used(f"{child(hold)}; {hold}", tmp_path)
    assert 100 * MB < usage.peak_memory_bytes < 180 * MB
    both = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}"
    assert used(f"{both}; p.wait()", tmp_path).peak_memory_bytes > 200 * MB


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has written before and writes more when it is told to."""
    code = f"import sys, time; {write(tmp_path / 'before', 40 * MB)}; print('ready', flush=True)"
    code += f"; sys.stdin.readline(); {write(tmp_path / 'now', 10 * MB)}; time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.slow
def test_others_count_from_now_on(tmp_path: Path, helper: subprocess.Popen[bytes]) -> None:
    told = f"echo go > /proc/{helper.pid}/fd/0; sleep 2"
    usage = process_tree.measured(
        ["sh", "-c", told], tmp_path, dict(os.environ), tmp_path / "out", [helper.pid]
    )
    assert usage.bytes_written == pytest.approx(10 * MB, rel=0.01)
    assert usage.others_python_bytes > 5 * MB
    assert usage.peak_memory_bytes > usage.others_python_bytes


def test_scratch_is_the_most_that_lay_there(tmp_path: Path) -> None:
    place = tmp_path / "churn-spill-1"
    code = (
        f"import os, time; os.mkdir({str(place)!r}); {write(place / 'x', 8 * MB)}; time.sleep(0.8)"
    )
    code += f"; os.remove({str(place / 'x')!r}); time.sleep(0.5)"
    usage = used(code, tmp_path, scratch=lambda: tmp_path.glob("churn-spill-*"))
    assert usage.scratch_peak_bytes == pytest.approx(8 * MB, rel=0.01)


def test_seconds_are_not_rounded_to_the_next_look(tmp_path: Path) -> None:
    started = time.perf_counter()
    usage = used("import sys; sys.exit(3)", tmp_path)
    assert usage.exit_code == 3
    assert 0 < usage.seconds < time.perf_counter() - started


def test_what_takes_too_long_is_killed(tmp_path: Path) -> None:
    usage = used("import time; time.sleep(60)", tmp_path, limit_seconds=0.5)
    assert usage.exit_code == -9
    assert 0.5 <= usage.seconds < 30
