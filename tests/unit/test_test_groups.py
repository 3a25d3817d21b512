"""Which heavy groups of tests run: those whose inputs changed, whatever changed."""

from __future__ import annotations

import ast
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import load_script
from tests.workspaces import ROOT

groups = load_script("test_groups")
EVERY = {
    *("images", "compose", "spark-image", "kubeflow", "spark", "terraform", "argocd", "checkov"),
    *("mutants", "loop", "stores", "real-logs", "delivery"),
}
ON_CODE = {"images", "compose", "spark-image", "kubeflow", "spark", "loop", "stores", "real-logs"}


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")
    return subprocess.run(
        ["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git has, all of whose groups have a stamp."""
    root = tmp_path_factory.mktemp("groups") / "checkout"
    names = git(ROOT, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    for name in names:
        if name and (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    git(root, "init", "-q")
    (root / groups.STAMPS).unlink(missing_ok=True)
    git(root, "add", "--all")
    git(root, "commit", "-qm", "all")
    results = groups.Results()
    states = groups.read_states(root)
    for state in states:
        for test in state.group.tests:
            name = test if "::" in test else f"{test.rstrip('/')}::test_it"
            results.seconds[name] = 2.0
    said = groups.stamp_passed(root, states, results, 0)
    assert all(line.endswith("stamped") for line in said), said
    git(root, "add", "--all")
    git(root, "commit", "-qm", "stamps")
    git(root, "tag", "stamped")
    return root


def woken(root: Path) -> set[str]:
    """The groups that would run, without their parts."""
    return {s.group.name.split("/")[0] for s in groups.choose(groups.read_states(root), [], False)}


@pytest.fixture
def checkout(stamped: Path) -> Iterator[Path]:
    """The copy to plant a change in, which is undone."""
    yield stamped
    git(stamped, "reset", "-q", "--hard", "stamped")
    git(stamped, "clean", "-qfd")


def test_nothing_runs_when_nothing_changed(stamped: Path) -> None:
    assert woken(stamped) == set()
    states = groups.read_states(stamped)
    said = "\n".join(groups.describe(stamped, states, []))
    commit = git(stamped, "rev-parse", "HEAD~")[:9]
    assert f"smoke argocd: unchanged since {commit}: 1 test passed then" in said
    parts = sum(state.group.name.startswith("mutants/") for state in states)
    assert parts > 40
    assert f"smoke mutants: {parts} parts unchanged: " in said


CHANGES = {
    "Makefile": EVERY,
    ".ci/run": EVERY,
    ".ci/packages": EVERY,
    ".ci/test-groups.toml": EVERY,
    "requirements/dev.txt": EVERY,
    "requirements/serve.txt": EVERY,
    "pyproject.toml": EVERY,
    "scripts/test_groups.py": EVERY,
    "tests/workspaces.py": EVERY,
    "tests/conftest.py": EVERY,
    "tests/integration/tools.py": EVERY,
    "src/churn_mlops/training/split.py": ON_CODE | {"mutants"},
    "src/churn_mlops/report/page.py": ON_CODE,
    "tests/unit/training/test_split.py": {"mutants"},
    "tests/unit/report/test_page.py": set(),
    "docker/Dockerfile.api": {
        *("images", "compose", "spark-image", "kubeflow", "checkov", "delivery"),
    },
    "docker-compose.yml": {"compose"},
    "dvc.yaml": {"images", "compose", "kubeflow", "loop", "stores", "real-logs"},
    "params.yaml": ON_CODE - {"real-logs"},
    "examples/cdnow/params.yaml": {"real-logs", "spark"},
    ".github/workflows/retrain.yml": {"stores", "delivery"},
    "tests/lineages.py": EVERY,
    "pipelines/kfp_pipeline.py": {"images", "compose", "kubeflow", "delivery"},
    "k8s/plain/api-deployment.yaml": {
        *("images", "compose", "spark-image", "argocd", "checkov", "delivery"),
    },
    "terraform/main.tf": {"terraform", "checkov"},
    "argocd/project.yaml": {"argocd"},
    "monitoring/prometheus.yml": {"compose"},
    "tests/terraform/test_apply.py": {"terraform"},
    "tests/terraform/aws.py": {"terraform"},
    "tests/terraform/checkout.py": {"terraform", "checkov"},
    "tests/integration/spark/stages.py": {"spark", "stores"},
    "tests/images/cluster.py": {"images", "compose", "spark-image", "kubeflow"},
    "tests/mutants/catalogue.py": set(),
    "docs/api.md": set(),
    "dvc.lock": set(),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_wakes_the_groups_that_rest_on_the_file(checkout: Path, name: str) -> None:
    with (checkout / name).open("a") as file:
        file.write("\n")
    assert woken(checkout) == CHANGES[name]
    if CHANGES[name]:
        chosen = groups.choose(groups.read_states(checkout), [], False)
        assert all(name in state.describe(checkout) for state in chosen)


def test_a_new_file_a_lost_file_and_a_program_that_is_none_any_more_are_changes(
    checkout: Path,
) -> None:
    (checkout / "terraform/more.tf").write_text("")
    assert woken(checkout) == {"terraform", "checkov"}
    (checkout / "terraform/more.tf").unlink()
    assert woken(checkout) == set()
    (checkout / "argocd/project.yaml").unlink()
    assert woken(checkout) == {"argocd"}
    git(checkout, "checkout", "-q", "argocd/project.yaml")
    (checkout / "tests/images/build.sh").chmod(0o644)
    assert woken(checkout) == {"images", "compose", "spark-image", "kubeflow"}


def test_only_the_mutants_of_a_module_that_changed_run(checkout: Path) -> None:
    with (checkout / "src/churn_mlops/training/split.py").open("a") as file:
        file.write("\n")
    chosen = groups.choose(groups.read_states(checkout), [], False)
    mutants = [state.group for state in chosen if state.group.name.startswith("mutants/")]
    assert [group.name for group in mutants] == ["mutants/training/split.py"]
    assert all(test.startswith("tests/mutants/test_mutants.py::") for test in mutants[0].tests)


def test_a_new_mutant_runs_with_those_of_its_module(checkout: Path) -> None:
    path = checkout / "tests/mutants/catalogue.py"
    path.write_text(path.read_text().replace('"horizon of one day"', '"horizon of a single day"'))
    chosen = groups.choose(groups.read_states(checkout), [], False)
    assert [state.group.name for state in chosen] == ["mutants/training/build_labels.py"]


def state_of(root: Path, name: str) -> Any:
    (state,) = [state for state in groups.read_states(root) if state.group.name == name]
    return state


@pytest.mark.parametrize(
    ("failed", "skipped", "code", "words"),
    [
        (True, False, 1, "1 failed"),
        (False, True, 0, "1 skipped: npm is missing"),
        (False, False, 2, "not all of its tests ran"),
    ],
    ids=["failed", "skipped", "broken off"],
)
def test_only_a_run_in_which_all_passed_gives_a_stamp(
    checkout: Path, failed: bool, skipped: bool, code: int, words: str
) -> None:
    (checkout / "argocd/project.yaml").write_text("# another\n")
    git(checkout, "commit", "-qam", "another")
    state = state_of(checkout, "argocd")
    test = "tests/argocd/test_types.py::test_x[a]"
    results = groups.Results(seconds={test: 1.0, "tests/argocd/test_types.py::test_y": 1.0})
    results.failed |= {test} if failed else set()
    results.skipped |= {test: "npm is missing"} if skipped else {}
    (said,) = groups.stamp_passed(checkout, [state], results, code)
    assert said == f"argocd: no stamp, {words}"
    assert woken(checkout) == {"argocd"}


def test_inputs_that_are_not_committed_or_change_meanwhile_give_no_stamp(checkout: Path) -> None:
    results = groups.Results(seconds={"tests/argocd/test_types.py::test_x": 1.0})
    before = state_of(checkout, "argocd")
    (checkout / "argocd/project.yaml").write_text("# another\n")
    (said,) = groups.stamp_passed(checkout, [before], results, 0)
    assert said == "argocd: no stamp, its inputs changed while it ran"
    state = state_of(checkout, "argocd")
    (said,) = groups.stamp_passed(checkout, [state], results, 0)
    assert said == "argocd: no stamp, not committed: argocd/project.yaml"
    git(checkout, "commit", "-qam", "another")
    (said,) = groups.stamp_passed(checkout, [state_of(checkout, "argocd")], results, 0)
    assert said == "argocd: 1 tests passed in 1 s, stamped"
    assert woken(checkout) == set()
    stamp = groups.read_stamps(checkout)["argocd"]
    assert (stamp.commit, stamp.tests) == (git(checkout, "rev-parse", "HEAD").strip(), 1)


def test_a_name_that_is_no_groups_is_refused_with_the_names(stamped: Path) -> None:
    states = groups.read_states(stamped)
    with pytest.raises(SystemExit, match="no group is named imagse; groups: argocd, checkov"):
        groups.choose(states, ["imagse"], False)
    assert {s.group.name for s in groups.choose(states, ["mutants"], False)} == {
        s.group.name for s in states if s.group.name.startswith("mutants/")
    }
    assert groups.choose(states, [], True) == states


def test_the_program_lists_what_would_run() -> None:
    program = [sys.executable, str(ROOT / "scripts/test_groups.py"), "--list"]
    done = subprocess.run([*program, "--json"], capture_output=True, text=True, check=True)
    listed = json.loads(done.stdout)
    assert {entry["name"].split("/")[0] for entry in listed} == EVERY
    assert set(listed[0]) == {"name", "run", "changed", "why", "stamp"}
    text = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1].rstrip(":") for line in text.splitlines()} == EVERY


def test_what_the_table_names_is_there() -> None:
    files = groups.Checkout(ROOT)
    for group in groups.read_groups(ROOT):
        for test in (*group.tests, *group.smoke):
            file, _, name = test.partition("::")
            assert (ROOT / file).exists(), test
            if name:
                assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text(), test
        for pattern in group.files:
            alone = dataclasses.replace(group, files=(pattern,))
            assert files.inputs(alone), (group.name, pattern)


def imported(path: Path) -> set[Path]:
    """The modules of the tests that a module imports."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("tests.")]
        for name in names:
            file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
            if file.exists():
                found.add(file)
    return found


def test_a_group_rests_on_every_module_that_its_tests_import() -> None:
    files = groups.Checkout(ROOT)
    for group in groups.read_groups(ROOT):
        listed = set(files.inputs(group))
        tests = (*group.tests, *group.smoke)
        selection = groups.Selection.of(test.partition("::")[0] for test in tests)
        todo = [ROOT / name for name in listed if name.endswith(".py") and selection.has(name)]
        while todo:
            for path in imported(todo.pop()):
                name = path.relative_to(ROOT).as_posix()
                # A part of the mutants rests on its own entries of the catalogue: Group.text.
                assert name in listed or name == "tests/mutants/catalogue.py", (group.name, name)


def test_results_are_those_of_the_tests_themselves() -> None:
    class Report:
        nodeid = "tests/a.py::test_x[b@c]"
        outcome = "passed"
        duration = 1.5

    results = groups.Results()
    for outcome in ("passed", "failed"):
        Report.outcome = outcome
        results.pytest_runtest_logreport(Report())
    assert results.seconds == {"tests/a.py::test_x[b@c]": 3.0}
    assert results.failed == {"tests/a.py::test_x[b@c]"}
