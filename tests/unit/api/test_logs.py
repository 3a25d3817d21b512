from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import logging, structlog
from churn_mlops.api.logs import log_as_json
log_as_json()
structlog.get_logger().info("ours", number=1)
logging.getLogger("uvicorn.error").warning("theirs %s", "told")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("failed")
logging.getLogger("httpx").info("a request of the model store")
"""


def test_every_line_is_json_whoever_writes_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["ours", "theirs told", "failed"]
    assert [line["level"] for line in lines] == ["info", "warning", "error"]
    assert "ZeroDivisionError" in lines[2]["exception"]
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert done.stdout == ""


def test_a_full_disk_or_a_reader_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    full = Path("/dev/full")
    with full.open("w") as nowhere:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT + "print('went on')"],
            stdout=subprocess.PIPE,
            stderr=nowhere,
            text=True,
        )
    assert done.stdout.strip() == "went on"
