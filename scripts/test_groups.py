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
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(".ci/test-groups.toml")
STAMPS = Path(".ci/test-groups.json")
SHOWN_FILES = 3


@dataclass(frozen=True)
class Selection:
    """Tests as pytest is given them: files, folders, and test ids with or without parameters."""

    names: frozenset[str]

    @classmethod
    def of(cls, tests: Iterable[str]) -> Selection:
        """A selection of such arguments."""
        return cls(frozenset(test.rstrip("/") for test in tests))

    def has(self, test: str) -> bool:
        """Whether a test id is among them."""
        file = test.split("::")[0]
        folders = (parent.as_posix() for parent in Path(file).parents)
        return not self.names.isdisjoint((test, test.split("[")[0], file, *folders))


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
        Patterns such as ``k8s/**``: a star stays in its folder, two stars reach any depth.
    text : str
        Of a part of a group: what else it rests on.
    """

    name: str
    tests: tuple[str, ...]
    smoke: tuple[str, ...]
    files: tuple[str, ...]
    text: str = ""

    def has(self, test: str) -> bool:
        """Whether a test id belongs to this group."""
        return Selection.of(self.tests).has(test)


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
        A group of the table lacks a key.
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
            groups.append(Group(f"{name}/{part}", tests, smoke, files, own["text"]))
    return groups


def read_parts(root: Path, module: str) -> dict[str, dict[str, Any]]:
    """Ask a module of the tests for the parts of a group: their test names, files and text."""
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=root, capture_output=True, text=True, check=True
    )
    parts: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return parts


def heavy_tests(root: Path) -> Selection:
    """The tests of all groups, as the table names them."""
    tree = tomllib.loads((root / TABLE).read_text(encoding="utf-8"))
    return Selection.of(test for entry in tree["groups"].values() for test in entry["tests"])


def _paths(tests: Iterable[str]) -> list[str]:
    files = dict.fromkeys(test.split("::")[0].rstrip("/") for test in tests)
    return [file if file.endswith(".py") else f"{file}/**" for file in files]


@lru_cache
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """An expression for the paths that any of the patterns means."""
    stars = {"**": ".*", "*": "[^/]*"}
    pieces = (re.split(r"(\*\*|\*)", pattern) for pattern in patterns)
    expressions = ("".join(stars.get(part, re.escape(part)) for part in one) for one in pieces)
    return re.compile("|".join(f"(?:{expression})" for expression in expressions))


class Checkout:
    """The files of a checkout: tracked ones, and new ones that git does not ignore."""

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = git(root, "ls-files", "-co", "--exclude-standard", "-z")
        self._paths = sorted(set(listed.split("\0")) - {"", str(STAMPS)})
        self._hashes: dict[str, str] = {}

    def inputs(self, group: Group) -> list[str]:
        """List the files that a group rests on."""
        matcher = _matcher(group.files)
        return [path for path in self._paths if matcher.fullmatch(path)]

    def digest(self, group: Group) -> str:
        """Hash names, contents and executable bits of a group's files."""
        total = hashlib.sha256(group.text.encode())
        for path in self.inputs(group):
            total.update(f"{path}\0{self._hash(path)}\n".encode())
        return total.hexdigest()

    def _hash(self, name: str) -> str:
        if name not in self._hashes:
            path = self.root / name
            if path.is_symlink():
                kind, content = "link", os.readlink(path).encode()
            elif path.is_file():
                kind = "program" if os.access(path, os.X_OK) else "file"
                content = path.read_bytes()
            else:
                kind, content = "gone", b""
            self._hashes[name] = f"{kind} {hashlib.sha256(content).hexdigest()}"
        return self._hashes[name]


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


def first_of(names: list[str]) -> str:
    """Name the first of some files or parts, and say how many more there are."""
    more = len(names) - SHOWN_FILES
    return ", ".join(names[:SHOWN_FILES]) + (f" and {more} more" if more > 0 else "")


def changed_files(root: Path, group: Group, stamp: Stamp) -> list[str]:
    """List which inputs differ from those of a stamp's commit, where git has that commit."""
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{stamp.commit}^{{commit}}"],
        cwd=root, capture_output=True, check=False,
    )  # fmt: skip
    if known.returncode:
        return []
    changed = git(root, "diff", "--name-only", "-z", stamp.commit)
    new = git(root, "ls-files", "-o", "--exclude-standard", "-z")
    names = {*changed.split("\0"), *new.split("\0")} - {"", str(STAMPS)}
    matcher = _matcher(group.files)
    return sorted(name for name in names if matcher.fullmatch(name))


@dataclass(frozen=True)
class State:
    """A group as it stands: the digest of its inputs, and the stamp of its last pass."""

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
        shown = first_of(files) or "some of its files"
        return f"changed since {self.stamp.commit[:9]}: {shown}"


def read_states(root: Path) -> list[State]:
    """Compare the inputs of each group with its stamp."""
    stamps, files = read_stamps(root), Checkout(root)
    return [
        State(group, files.digest(group), stamps.get(group.name)) for group in read_groups(root)
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


def describe(root: Path, states: Iterable[State], chosen: list[State]) -> list[str]:
    """Say of each group whether it runs and why; the parts of a group share two lines."""
    lines: list[str] = []
    parts: dict[tuple[str, bool], list[State]] = {}
    for state in states:
        name, _, part = state.group.name.partition("/")
        if part:
            parts.setdefault((name, state in chosen), []).append(state)
            continue
        word = "run" if state in chosen else "smoke"
        lines.append(f"{word:5} {name}: {state.describe(root)}")
    for (name, runs), found in parts.items():
        shown = first_of([state.group.name.partition("/")[2] for state in found])
        passed = sum(state.stamp.tests for state in found if state.stamp)
        count = f"{len(found)} part{'' if len(found) == 1 else 's'}"
        if runs:
            lines.append(f"run   {name}: {count}: {shown}")
        else:
            lines.append(f"smoke {name}: {count} unchanged: {passed} tests passed then")
    return lines


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
    commit, files = git(root, "rev-parse", "HEAD").strip(), Checkout(root)
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
        elif files.digest(group) != state.digest:
            reason = "its inputs changed while it ran"
        elif dirty := uncommitted(root, group):
            reason = f"not committed: {first_of(dirty)}"
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
    status = git(root, "status", "--porcelain", "--untracked-files=all", "-z").split("\0")
    matcher = _matcher(group.files)
    return [line[3:] for line in status if matcher.fullmatch(line[3:]) and line[3:] != str(STAMPS)]


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
    for line in describe(ROOT, states, chosen):
        print(line, flush=True)
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
