"""Run the heavy groups of tests whose inputs changed since each last passed.

Usage: python scripts/test_groups.py               run what changed, and of the rest a smoke test
       python scripts/test_groups.py NAME ...      run these groups, changed or not
       python scripts/test_groups.py --all         run every group
       python scripts/test_groups.py --list        say what would run; run nothing

.ci/test-groups.toml names the groups: their tests and the files that they rest on. A group is
changed when the digest of these files differs from the one in .ci/test-groups.json, which this
program writes after a run in which all tests of a group passed and none was skipped, and whose
inputs are committed. Commit that file: CI then runs a group only where something changed.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(".ci/test-groups.toml")
STAMPS = Path(".ci/test-groups.json")
SHOWN_FILES = 3


@dataclass(frozen=True)
class Group:
    """Tests that are run when something that they rest on changed.

    Parameters
    ----------
    name : str
        A part of a group has the group's name, a slash and its own.
    tests : tuple of str
        Arguments for pytest: files, folders or test ids.
    smoke : tuple of str
        Test ids that run also when nothing changed.
    files : tuple of str
        Git pathspecs with glob magic, such as ``k8s/**``.
    """

    name: str
    tests: tuple[str, ...]
    smoke: tuple[str, ...]
    files: tuple[str, ...]

    def has(self, test: str) -> bool:
        """Whether a test id belongs to this group."""
        file = test.split("::")[0]
        return any(
            test == one or file == one or file.startswith(f"{one.rstrip('/')}/")
            for one in self.tests
        )


@dataclass(frozen=True)
class Stamp:
    """The last time that all tests of a group passed.

    Parameters
    ----------
    digest : str
        SHA-256 of the group's inputs.
    commit : str
        The commit that these inputs are of.
    tests : int
        How many passed.
    seconds : float
        The sum of the tests' durations.
    date : str
    """

    digest: str
    commit: str
    tests: int
    seconds: float
    date: str


@dataclass
class Results:
    """A pytest plugin that records how each test ended, also under xdist."""

    failed: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: object) -> None:
        """Take up one phase of one test."""
        test, outcome = str(getattr(report, "nodeid", "")), getattr(report, "outcome", "")
        test = test.split("@")[0] if "]@" in test else test
        self.seconds[test] = self.seconds.get(test, 0.0) + float(getattr(report, "duration", 0))
        if outcome == "failed":
            self.failed.add(test)
        elif outcome == "skipped":
            reason = getattr(report, "longrepr", None)
            self.skipped[test] = str(reason[2] if isinstance(reason, tuple) else reason)


def git(root: Path, *arguments: str) -> str:
    """Run git in a checkout and return what it printed.

    Raises
    ------
    SystemExit
        Git failed; with its message.
    """
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def read_groups(root: Path) -> list[Group]:
    """Read the table of groups; every group also rests on the common files and its own tests.

    Raises
    ------
    SystemExit
        The table names a group twice or lacks a key.
    """
    tree = tomllib.loads((root / TABLE).read_text(encoding="utf-8"))
    groups: list[Group] = []
    for name, entry in tree["groups"].items():
        missing = {"tests", "smoke", "files"} - set(entry)
        if missing:
            raise SystemExit(f"{TABLE}: group {name} lacks {', '.join(sorted(missing))}")
        tests, smoke = tuple(entry["tests"]), tuple(entry["smoke"])
        common = (*tree["common"]["files"], *_paths((*tests, *smoke)))
        if "parts" not in entry:
            groups.append(Group(name, tests, smoke, (*common, *entry["files"])))
            continue
        for part, own in read_parts(root, entry["parts"]).items():
            files = (*common, *entry["files"], *own["files"])
            tests = tuple(f"{entry['tests'][0]}::{test}" for test in own["tests"])
            groups.append(Group(f"{name}/{part}", tests, smoke, files))
    return groups


def read_parts(root: Path, command: str) -> dict[str, dict[str, list[str]]]:
    """Ask a module of the tests for the parts of a group: their test names and files."""
    done = subprocess.run(
        [sys.executable, "-m", command], cwd=root, capture_output=True, text=True, check=True
    )
    parts: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
    return parts


def _paths(tests: Iterable[str]) -> list[str]:
    files = dict.fromkeys(test.split("::")[0].rstrip("/") for test in tests)
    return [file if file.endswith(".py") else f"{file}/**" for file in files]


def inputs(root: Path, group: Group) -> list[str]:
    """List the files that a group rests on: tracked ones, and new ones that git does not ignore."""
    specs = [f":(glob){pattern}" for pattern in group.files]
    listed = git(root, "ls-files", "-co", "--exclude-standard", "-z", "--", *specs)
    return sorted(path for path in set(listed.split("\0")) - {"", str(STAMPS)})


def digest(root: Path, paths: Iterable[str]) -> str:
    """Hash names, contents and executable bits of files."""
    total = hashlib.sha256()
    for name in paths:
        path = root / name
        if path.is_symlink():
            kind, content = "link", os.readlink(path).encode()
        elif path.is_file():
            kind = "program" if os.access(path, os.X_OK) else "file"
            content = path.read_bytes()
        else:
            continue
        total.update(f"{name}\0{kind}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def read_stamps(root: Path) -> dict[str, Stamp]:
    """Read when each group last passed; a group without a stamp never did."""
    path = root / STAMPS
    if not path.exists():
        return {}
    return {name: Stamp(**entry) for name, entry in json.loads(path.read_text()).items()}


def write_stamps(root: Path, stamps: Mapping[str, Stamp]) -> None:
    """Write the stamps, whole or not at all."""
    path = root / STAMPS
    body = {name: asdict(stamp) for name, stamp in sorted(stamps.items())}
    beside = path.with_suffix(".writing")
    beside.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def changed_files(root: Path, group: Group, stamp: Stamp) -> list[str]:
    """List which inputs differ from those of a stamp's commit, where git has that commit."""
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{stamp.commit}^{{commit}}"],
        cwd=root, capture_output=True, check=False,
    )  # fmt: skip
    if known.returncode:
        return []
    specs = [f":(glob){pattern}" for pattern in group.files]
    names = git(root, "diff", "--name-only", "-z", stamp.commit, "--", *specs).split("\0")
    new = git(root, "ls-files", "-o", "--exclude-standard", "-z", "--", *specs).split("\0")
    return sorted({*names, *new} - {"", str(STAMPS)})


@dataclass(frozen=True)
class State:
    """A group as it stands: the digest of its inputs, and the stamp if it is of another digest."""

    group: Group
    digest: str
    stamp: Stamp | None

    @property
    def is_changed(self) -> bool:
        """Whether the inputs differ from those with which all tests last passed."""
        return self.stamp is None or self.stamp.digest != self.digest

    def describe(self, root: Path) -> str:
        """Say in a line since when nothing changed, or what did."""
        if self.stamp is None:
            return "has never passed here"
        if not self.is_changed:
            count = f"{self.stamp.tests} test{'' if self.stamp.tests == 1 else 's'}"
            return f"unchanged since {self.stamp.commit[:9]}: {count} passed then"
        files = changed_files(root, self.group, self.stamp)
        shown = ", ".join(files[:SHOWN_FILES]) or "some of its files"
        more = f" and {len(files) - SHOWN_FILES} more" if len(files) > SHOWN_FILES else ""
        return f"changed since {self.stamp.commit[:9]}: {shown}{more}"


def read_states(root: Path) -> list[State]:
    """Compare the inputs of each group with its stamp."""
    stamps = read_stamps(root)
    return [
        State(group, digest(root, inputs(root, group)), stamps.get(group.name))
        for group in read_groups(root)
    ]


def choose(states: Iterable[State], names: list[str], everything: bool) -> list[State]:
    """Choose the groups to run: those named, all, or those that changed.

    Raises
    ------
    SystemExit
        A name is no group's.
    """
    states = list(states)
    known = {state.group.name.split("/")[0] for state in states} | {s.group.name for s in states}
    for name in names:
        if name not in known:
            raise SystemExit(f"no group is named {name}; groups: {', '.join(sorted(known))}")
    if names:
        return [s for s in states if {s.group.name, s.group.name.split("/")[0]} & set(names)]
    return [state for state in states if everything or state.is_changed]


def run_tests(tests: list[str], workers: int) -> tuple[int, Results]:
    """Run pytest on some tests; its exit code, and how each test ended."""
    import pytest

    results = Results()
    options = ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    options += ["--durations=25", "--durations-min=5"]
    return int(pytest.main([*options, *tests], plugins=[results])), results


def stamp_passed(root: Path, chosen: Iterable[State], results: Results, code: int) -> list[str]:
    """Write a stamp for each group that passed whole; say of the others why they have none."""
    stamps, said = read_stamps(root), []
    names = {group.name for group in read_groups(root)}
    stamps = {name: stamp for name, stamp in stamps.items() if name in names}
    commit = git(root, "rev-parse", "HEAD").strip()
    for state in chosen:
        group = state.group
        mine = {test for test in results.seconds if group.has(test)}
        skipped = sorted(mine & set(results.skipped))
        reason = None
        if mine & results.failed:
            reason = f"{len(mine & results.failed)} failed"
            stamps.pop(group.name, None)
        elif not mine or code not in (0, 1):
            reason = "not all of its tests ran"
        elif skipped:
            reason = f"{len(skipped)} skipped: {results.skipped[skipped[0]]}"
        elif digest(root, inputs(root, group)) != state.digest:
            reason = "its inputs changed while it ran"
        elif dirty := uncommitted(root, group):
            reason = f"not committed: {', '.join(dirty[:SHOWN_FILES])}"
        if reason is not None:
            said.append(f"{group.name}: no stamp, {reason}")
            continue
        seconds = round(sum(results.seconds[test] for test in mine), 1)
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        stamps[group.name] = Stamp(state.digest, commit, len(mine), seconds, today)
        said.append(f"{group.name}: {len(mine)} tests passed in {seconds:.0f} s, stamped")
    write_stamps(root, stamps)
    return said


def uncommitted(root: Path, group: Group) -> list[str]:
    """List the inputs of a group that differ from the newest commit."""
    specs = [f":(glob){pattern}" for pattern in group.files]
    status = git(root, "status", "--porcelain", "-z", "--", *specs)
    return [line[3:] for line in status.split("\0") if line and line[3:] != str(STAMPS)]


def main(arguments: list[str] | None = None) -> int:
    """Choose groups, run their tests and the others' smoke tests, and write the stamps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="groups to run, changed or not")
    parser.add_argument("--all", action="store_true", help="run every group")
    parser.add_argument("--list", action="store_true", help="say what would run, and run nothing")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    parser.add_argument("--workers", type=int, default=3, help="tests at a time (default: 3)")
    given = parser.parse_args(arguments)
    states = read_states(ROOT)
    chosen = choose(states, given.names, given.all)
    if given.list and given.json:
        body = [
            {"name": s.group.name, "run": s in chosen, "changed": s.is_changed,
             "why": s.describe(ROOT), "stamp": asdict(s.stamp) if s.stamp else None}
            for s in states
        ]  # fmt: skip
        print(json.dumps(body, indent=1))
        return 0
    for state in states:
        what = "run  " if state in chosen else "smoke"
        print(f"{what} {state.group.name}: {state.describe(ROOT)}", flush=True)
    if given.list:
        return 0
    tests = [test for state in chosen for test in state.group.tests]
    if not given.names:
        ran = {state.group.name for state in chosen}
        tests += [t for s in states if s.group.name not in ran for t in s.group.smoke]
    code, results = run_tests(list(dict.fromkeys(tests)), given.workers)
    for line in stamp_passed(ROOT, chosen, results, code):
        print(line)
    return code


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    sys.exit(main())
