"""The report in a real browser: nothing sticks out, at any width, and nothing is fetched."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.report import write
from tests.integration.tools import require_tool
from tests.made_up import write_tables
from tests.trained import params_in, train_both

pytestmark = pytest.mark.slow
FRAME = """<iframe src="index.html" style="width:{width}px;height:900px;border:0"></iframe>
<script>addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument
  document.title = [page.documentElement.scrollWidth, page.body.scrollHeight,
                    page.querySelectorAll("svg").length, page.querySelectorAll("h2").length,
                    performance.getEntriesByType("resource").length].join(" ")
}})</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    params = params_in(folder)
    write_tables(params)
    train_both(params)
    copy_bundle(folder / "artifacts/models/candidate", folder / "artifacts/production")
    path = folder / "index.html"
    write.run(params, path)
    return path


def measured(page: Path, width: int) -> list[int]:
    """Width and height of the content, number of pictures and sections, files fetched."""
    frame = page.with_name(f"frame{width}.html")
    frame.write_text(FRAME.format(width=width))
    command = [require_tool("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu"]
    command += ["--disable-dev-shm-usage", f"--user-data-dir={page.parent / 'profile'}"]
    command += ["--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run(
        [*command, frame.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    title = re.search(r"<title>([\d ]+)</title>", done.stdout)
    assert title, done.stdout[:500] + done.stderr[-500:]
    return [int(number) for number in title[1].split()]


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out(page: Path, width: int) -> None:
    content, height, pictures, sections, fetched = measured(page, width)
    assert content <= width
    assert height > 2_000
    assert pictures >= 5
    assert sections >= 10
    assert fetched <= 1, "the page itself, and nothing else"
