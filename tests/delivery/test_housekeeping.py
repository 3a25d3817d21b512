"""What a newcomer reads and what tools read of the project is true."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.delivery.workflows import cloned
from tests.integration.tools import require_tool
from tests.workspaces import BIN, ROOT

PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/delivery.md")
TEMPLATES = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def text(path: str) -> str:
    return (ROOT / path).read_text()


def anchors(page: Path) -> set[str]:
    """What GitHub makes of a page's headlines."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    kept = [re.sub(r"[^\w -]", "", line.replace("`", "")).lower() for line in lines]
    return {line.replace(" ", "-") for line in kept}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https://)([^)]+)\)", text(page)):
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("page", [*PAGES, ".github/pull_request_template.md"])
def test_commands_that_pages_name_are_there(page: str) -> None:
    makefile = text("Makefile")
    for target in re.findall(r"(?:`|^)make ([a-z]+)", text(page), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for path in re.findall(r"`((?:scripts|k8s|docker|\.ci|\.devcontainer)/[\w./-]*)`", text(page)):
        assert (ROOT / path).exists(), path
    for program in re.findall(r"\.venv/bin/([\w-]+)", text(page)):
        require_tool(program)
    for name in re.findall(r"`(\w+\.yml)`", text(page)):
        assert (ROOT / ".github/workflows" / name).exists(), name
    for name in re.findall(r"`churn ([a-z-]+)", text(page)):
        assert f"## `churn {name}`" in text("docs/cli.md"), name


def test_delivery_fits_on_a_page_and_names_every_variable() -> None:
    page = text("docs/delivery.md")
    assert page.count("\n") <= 100
    workflows = "".join(path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml"))
    used = set(re.findall(r"(?:vars|secrets)\.(\w+)", workflows))
    assert used
    for name in used:
        assert f"`{name}`" in page, name
    identity = "/.github/workflows/cd.yml@refs/heads/main"
    assert page.count(identity) == 2


def test_the_changelog_has_the_projects_version() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    heads = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text("CHANGELOG.md"), re.M)
    assert heads[0] == ("Unreleased", "")
    assert heads[1][0] == version
    assert heads[1][1]
    for name, _ in heads:
        assert re.search(rf"^\[{re.escape(name)}\]: https://", text("CHANGELOG.md"), re.M), name


def test_make_help_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", text("Makefile"), re.MULTILINE)
    assert phony
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {line.split()[0] for line in done.stdout.splitlines()} == set(phony[1].split())


def test_issue_forms_keep_to_their_schema() -> None:
    forms = [path for path in TEMPLATES if path.name != "config.yml"]
    assert len(forms) == 2
    for path in forms:
        done = subprocess.run(
            [
                require_tool("check-jsonschema"),
                *("--builtin-schema", "vendor.github-issue-forms", str(path)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
    assert (
        yaml.safe_load(text(".github/ISSUE_TEMPLATE/config.yml"))["blank_issues_enabled"] is False
    )


def test_a_dev_container_is_what_the_images_are_built_on() -> None:
    lines = text(".devcontainer/devcontainer.json").splitlines()
    kept = "\n".join(line for line in lines if not line.strip().startswith("//"))
    container: dict[str, Any] = json.loads(kept)
    assert container["image"] == text("docker/base-image").strip()
    assert (ROOT / container["onCreateCommand"]).exists()
    assert container["postCreateCommand"].startswith("make run && ")


def hooks() -> list[dict[str, Any]]:
    (local,) = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert local["repo"] == "local", "others are fetched from the network"
    found: list[dict[str, Any]] = local["hooks"]
    return found


def test_hooks_are_programs_of_the_environment() -> None:
    for hook in hooks():
        assert hook["language"] == "system"
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/")
        assert (BIN / Path(program).name).exists(), program


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The last commit, with this environment."""
    return cloned(ROOT, tmp_path / "clone")


def commit_hooks(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # Away from the network, whatever the machine has.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    home = {"PRE_COMMIT_HOME": str(folder.parent / "pre-commit")}
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", *options],
        cwd=folder,
        env=os.environ | nowhere | home,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.slow
def test_every_hook_runs_offline_and_finds_nothing(clone: Path) -> None:
    done = commit_hooks(clone, "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr
    for hook in hooks():
        assert re.search(rf"^{re.escape(hook['name'])}\.+Passed$", done.stdout, re.MULTILINE)


def test_a_hook_finds_what_is_wrong(clone: Path) -> None:
    (clone / "scripts/bad.py").write_text("import os\n")
    (clone / "scripts/bad.sh").write_text("#!/bin/sh\ncd $1\n")
    shutil.copy(ROOT / ".github/workflows/ci.yml", clone / ".github/workflows/bad.yml")
    bad = (clone / ".github/workflows/bad.yml").read_text().replace("permissions: {}", "", 1)
    (clone / ".github/workflows/bad.yml").write_text(bad)
    subprocess.run(["git", "add", "--all"], cwd=clone, check=True)
    done = commit_hooks(clone)
    assert done.returncode == 1
    for found in ("F401", "SC2086", "excessive-permissions"):
        assert found in done.stdout, found
