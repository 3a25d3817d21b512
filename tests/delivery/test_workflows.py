"""The workflows: clean for both linters, pinned, with few rights, and calling what there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.delivery.workflows import EXPRESSION, FILES, NAMES, commands, steps, workflow
from tests.integration.tools import require_tool
from tests.linters import told
from tests.workspaces import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# What a job may be granted beyond reading, and which jobs are.
GRANTS = {
    ("cd", "images"): {"contents": "read", "id-token": "write", "attestations": "write"},
    ("cd", "staging"): {"contents": "write", "pull-requests": "write"},
    ("cd", "production"): {"contents": "write", "pull-requests": "write"},
    ("retrain", "retrain"): {
        "contents": "write",
        "pull-requests": "write",
        "id-token": "write",
    },
}
BAD = """\
on: pull_request
jobs:
  one:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ github.event.pull_request.title }}"
"""


def bad(tmp_path: Path) -> Path:
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    (folder / "bad.yml").write_text(BAD)
    return folder / "bad.yml"


def test_there_are_three() -> None:
    assert NAMES == ["cd", "ci", "retrain"]


def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    assert told("actionlint", *map(str, FILES)) == (0, "")
    code, text = told("actionlint", str(bad(tmp_path)))
    assert code == 1
    assert '"github.event.pull_request.title" is potentially untrusted' in text


def test_actionlint_has_shellcheck(tmp_path: Path) -> None:
    path = bad(tmp_path)
    path.write_text(BAD.partition("      - uses")[0] + "      - run: cd $HOME/x && rm *\n")
    assert "SC2086" in told("actionlint", str(path))[1]


def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    code, text = told("zizmor", "--offline", "--persona", "pedantic", ".github")
    assert code == 0, text
    code, text = told("zizmor", "--offline", str(bad(tmp_path)))
    assert code != 0
    for audit in ("unpinned-uses", "template-injection", "artipacked"):
        assert audit in text


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [f".github/workflows/{name}.yml" for name in NAMES]),
        ("vendor.dependabot", [".github/dependabot.yml"]),
    ],
)
def test_the_schemas_hold(schema: str, files: list[str], tmp_path: Path) -> None:
    code, text = told("check-jsonschema", "--builtin-schema", schema, *files)
    assert code == 0, text
    (tmp_path / "bad.yml").write_text("version: two\njobs: []\n")
    assert told("check-jsonschema", "--builtin-schema", schema, str(tmp_path / "bad.yml"))[0] == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_actions_are_pinned_and_say_their_version(path: Path) -> None:
    lines = [line.strip() for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        if "uses: $/" not in line:
            assert re.fullmatch(r"(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_an_action_has_one_version_everywhere() -> None:
    used = {step["uses"] for name in NAMES for _, step in steps(name) if "uses" in step}
    assert len({one.partition("@")[0] for one in used}) == len(used)


@pytest.mark.parametrize("name", NAMES)
def test_rights_are_granted_to_jobs_alone(name: str) -> None:
    tree = workflow(name)
    assert tree["permissions"] == {}
    for job, body in tree["jobs"].items():
        assert body["permissions"] == GRANTS.get((name, job), {"contents": "read"}), job
        assert "uses" in body or body["timeout-minutes"] <= 180, job


@pytest.mark.parametrize("name", NAMES)
def test_what_strangers_write_reaches_no_script_and_no_key_lies_about(name: str) -> None:
    tree = workflow(name)
    assert not {"pull_request_target", "workflow_run"} & set(tree["on"])
    assert tree["concurrency"]["group"]
    assert tree["defaults"]["run"]["shell"] == "bash", "the default does not fail in a pipe"
    for job, step in steps(name):
        assert not EXPRESSION.search(step.get("run", "")), job
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, job
    text = (ROOT / f".github/workflows/{name}.yml").read_text()
    assert set(re.findall(r"secrets\.(\w+)", text)) <= {"DATA_SQL_URL"}
    assert "github.event." not in text


@pytest.mark.parametrize("name", NAMES)
def test_the_token_is_known_to_the_step_that_proposes_alone(name: str) -> None:
    for job, step in steps(name):
        if "github.token" in str(step):
            assert step["run"].splitlines()[-1].startswith("scripts/propose.sh "), job


def test_what_they_call_is_there() -> None:
    called = "\n".join(line for name in NAMES for line in commands(name))
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)", called):
        assert re.search(rf"^{target}:.*##", makefile, re.MULTILINE), target
    paths = re.findall(r"(?:^|[\s\"/])((?:scripts|tests|k8s|docker|\.ci)/[\w./*-]+)", called)
    assert len(paths) > 8
    for path in paths:
        assert list(ROOT.glob(path.rstrip("/"))), path
    for program in re.findall(r"\.venv/bin/([\w-]+)", called):
        require_tool(program)
    for stage in workflow("retrain")["on"]["workflow_dispatch"]["inputs"]["stages"][
        "default"
    ].split():
        assert stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def test_pythons_are_those_that_the_project_names() -> None:
    prefix = "Programming Language :: Python :: "
    named = [one.removeprefix(prefix) for one in PROJECT["classifiers"] if prefix in one]
    assert workflow("ci")["jobs"]["tests"]["strategy"]["matrix"]["python"] == named


def covers(pattern: str, path: str) -> bool:
    """Whether a path of GitHub's filter takes a file or all of a folder."""
    base = pattern.removesuffix("/**")
    return path == base or (pattern != base and path.startswith(f"{base}/"))


def test_whatever_goes_into_an_image_builds_it_and_an_overlay_does_not() -> None:
    patterns = workflow("cd")["on"]["push"]["paths"]
    sources = {
        source
        for file in (ROOT / "docker").glob("Dockerfile.*")
        for line in re.findall(r"^COPY (?!--from)(.+)$", file.read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert len(sources) > 6
    for source in sources | {"docker/base-image", "scripts/images.sh"}:
        assert any(covers(pattern, source) for pattern in patterns), source
    assert not any(covers(pattern, "k8s/overlays/staging") for pattern in patterns)
    for pattern in patterns:
        assert (ROOT / pattern.removesuffix("/**")).exists(), pattern


def dependabot() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())[
        "updates"
    ]
    return found


def test_dependabot_looks_where_there_is_something() -> None:
    for one in dependabot():
        for folder in one.get("directories") or [one["directory"]]:
            assert (ROOT / folder.strip("/")).is_dir(), folder
        assert one["cooldown"]["default-days"] >= 7
    kinds = {one["package-ecosystem"] for one in dependabot()}
    assert kinds == {"github-actions", "pip", "docker", "docker-compose", "terraform"}
