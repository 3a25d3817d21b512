"""Generated pages are current and complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.commands.pages import pages
from churn_mlops.params import Params

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["checks.md", "features.md", "params.md", "cli.md"])
def test_the_page_in_docs_is_the_generated_one(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == pages()[name], "run `make docs`"


def test_every_section_and_key_has_its_place() -> None:
    page = pages()["params.md"]
    for name in Params.model_fields:
        assert f"`{name}`" in page
    assert "`max_quarantine_share`" in page


def test_every_exit_code_is_named() -> None:
    page = pages()["cli.md"]
    for code in (0, 1, 2, *range(10, 18)):
        assert f"| {code} |" in page
    assert "## `churn batch-score`" in page
    assert "## `churn job batch-score`" in page
