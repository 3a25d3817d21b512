"""Makes a registered model again, from its lineage alone, and compares every byte.

All of it happens in a folder of its own with an MLflow store of its own: neither the workspace nor
the registry is touched.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from churn_mlops.errors import ReproduceError
from churn_mlops.files import write_text
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.registry import lineage_store
from churn_mlops.registry.bundle import load_bundle
from churn_mlops.registry.bundle_difference import differences
from churn_mlops.registry.champion import DIGEST
from churn_mlops.registry.checkout import clone, copy_remotes, dvc
from churn_mlops.registry.code_state import folder_digest
from churn_mlops.registry.dvc_lock import hash_of, made_by, read_lock, upstream
from churn_mlops.registry.lineage import PREFIX, Lineage, overrides, versions
from churn_mlops.registry.mlflow_registry import Tracker, Version
from churn_mlops.summary import Summary

STAGE = "reproduce"
RAW = "generate_data"
DIFFERENT = ReproduceError.exit_code
# Where results go and whom to tell is this run's own affair.
_NOT_AGAIN = ("paths", "tracking", "monitoring", "serving", "jobs")


@dataclass
class Attempt:
    """One try at making a model again.

    Parameters
    ----------
    version : Version
    lineage : Lineage
    folder : Path
        The clone.
    doubts : list of str
        Why the result may differ.
    seconds : dict of str to float
        By step.
    """

    version: Version
    lineage: Lineage
    folder: Path
    doubts: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def place(self) -> Path:
        """The workspace within the clone."""
        return self.folder / str(self.lineage.facts["code"]["prefix"])

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long a step takes."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 2)


def run(
    params: Params,
    wanted: str,
    *,
    into: Path | None = None,
    from_raw: bool = False,
    cache: Path | None = None,
    force: bool = False,
) -> Summary:
    """Train a registered model again and compare the bundles.

    Parameters
    ----------
    params : Params
        Say where the registry is.
    wanted : str
        The registry's number, the beginning of the model_version, or an alias.
    into : Path, optional
        A new folder to work in, which is kept; by default one that is removed.
    from_raw : bool
        Start from the raw tables and run all stages in between, not from the training set.
    cache : Path, optional
        A DVC cache to take the data from instead of the remote.
    force : bool
        Try even if code or data are known not to be the same.

    Returns
    -------
    Summary
        Its fact ``equal`` tells how it ended.

    Raises
    ------
    ReproduceError
        There is no such version, or something that it was made from is missing or has changed.
    TrackingError
        The registry does not answer.
    """
    root = Path.cwd()
    with contextlib.ExitStack() as stack:
        folder = _fresh(into, stack)
        step = stack.enter_context(steps(STAGE, 5))
        with Tracker(params.tracking) as tracker:
            version = find(tracker.versions(params.tracking.model), wanted, params.tracking.model)
            attempt = Attempt(version, lineage_store.fetch(tracker, version), folder)
            step(f"found version {version.version}")
            _check_known(attempt, force)
            with attempt.timed("clone"):
                _lay_out(attempt, root, force)
            step("cloned")
            with attempt.timed("pull"):
                source = _bring_data(attempt, root, cache, from_raw, force)
            step("brought the data")
            with attempt.timed("train"):
                _train(attempt, from_raw)
            step("trained")
            summary = _compare(attempt, tracker, params, source)
            step("compared")
    if into is not None:
        summary.outputs.append(into)
    return summary


def find(known: Sequence[Version], wanted: str, model: str) -> Version:
    """Find the version that is meant.

    Raises
    ------
    ReproduceError
        None is, or several are.
    """
    exact = [v for v in known if wanted == str(v.version) or wanted in v.aliases]
    found = exact or [v for v in known if v.tags.get(DIGEST, "").startswith(wanted)]
    if len(found) == 1:
        return found[0]
    names = [f"{v.version} ({v.tags.get(DIGEST, '')[:12]})" for v in (found or known)[:10]]
    trouble = "several versions begin so" if found else "no such version is registered"
    raise ReproduceError(
        f"'{wanted}' of the model '{model}': {trouble}; there are {', '.join(names) or 'none'}",
        fix="give the registry's number or the beginning of one model_version",
    )


def _fresh(into: Path | None, stack: contextlib.ExitStack) -> Path:
    if into is None:
        made = stack.enter_context(tempfile.TemporaryDirectory(prefix="churn-reproduce-"))
        return Path(made) / "work"
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise ReproduceError(f"{into} is there already", fix="give a new folder with --into")
    return into.absolute()


def _check_known(attempt: Attempt, force: bool) -> None:
    """Refuse what cannot come out equal, before anything is fetched."""
    facts = attempt.lineage.facts
    code = facts["code"]
    if code["commit"] is None or attempt.lineage.params is None or attempt.lineage.lock is None:
        raise ReproduceError(
            f"version {attempt.version.version} cannot be made again: it was registered without"
            f" {'; '.join(facts['missing'])}",
            fix="train in a git repository with `dvc repro`, then its models can be",
        )
    if code["dirty"]:
        _doubt(
            attempt,
            f"it was trained with changes that were not committed: {', '.join(code['changed'])}",
            force,
        )
    if facts["data"]["inputs"] is None:
        _doubt(attempt, f"its data are not known ({'; '.join(facts['missing'])})", force)


def _doubt(attempt: Attempt, text: str, force: bool) -> None:
    if not force:
        raise ReproduceError(
            f"version {attempt.version.version} cannot be made again exactly: {text}",
            fix="--force tries with what is there, and shows what becomes different",
        )
    attempt.doubts.append(text)


def _lay_out(attempt: Attempt, root: Path, force: bool) -> None:
    lineage, code = attempt.lineage, attempt.lineage.facts["code"]
    clone(root, code["commit"], attempt.folder)
    write_text(attempt.place / "params.yaml", str(lineage.params))
    write_text(attempt.place / "dvc.lock", str(lineage.lock))
    package = attempt.place / "src" / "churn_mlops"
    if not code["dirty"] and folder_digest(package) != code["sha256"]:
        _doubt(attempt, f"the code at {code['commit'][:12]} is not the code that trained it", force)


def _bring_data(
    attempt: Attempt, root: Path, cache: Path | None, from_raw: bool, force: bool
) -> str:
    lineage = attempt.lineage
    lock, stage = read_lock(str(lineage.lock)), lineage.facts["stage"]
    if stage not in lock or (from_raw and RAW not in lock):
        raise ReproduceError(f"the recorded dvc.lock does not know {RAW if from_raw else stage}")
    wanted = lock[RAW].outs if from_raw else lock[stage].deps
    paths = {path: md5 for path, md5 in wanted.items() if made_by(lock, path)}
    source = copy_remotes(root, attempt.place, cache)
    try:
        dvc(attempt.place, ["pull", *paths], "pull the data", _environment(attempt))
    except ReproduceError as error:
        raise ReproduceError(
            f"{error.message}\n  the data come from {source}",
            fix="`dvc push` where the model was trained, and see that the remote answers here;"
            " --cache-dir takes a DVC cache instead",
        ) from error
    for path, md5 in paths.items():
        if hash_of(attempt.place / path) != md5:
            text = f"{path} from {source} is not what it was trained on (MD5 {md5})"
            _doubt(attempt, text, force)
    return source


def _train(attempt: Attempt, from_raw: bool) -> None:
    stage = attempt.lineage.facts["stage"]
    lock = read_lock(str(attempt.lineage.lock))
    before = [name for name in upstream(lock, stage) if name != RAW] if from_raw else []
    # Forced: what the run cache remembers would prove nothing.
    arguments = ["repro", "--force", "--single-item", *before, stage]
    dvc(attempt.place, arguments, f"run {', '.join((*before, stage))}", _environment(attempt))


def _environment(attempt: Attempt) -> dict[str, str]:
    """This process's environment, with the model's overrides instead of its own."""
    own = ("MLFLOW_", "CHURN_")
    kept = {n: v for n, v in os.environ.items() if not n.upper().startswith(own)}
    kept |= again(attempt.lineage.facts["overrides"])
    # The code of the clone, wherever this program is installed.
    kept["PYTHONPATH"] = str(attempt.place / "src")
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    kept["MLFLOW_TRACKING_URI"] = f"sqlite:///{attempt.folder / 'reproduced.db'}"
    return kept


def again(recorded: Mapping[str, str]) -> dict[str, str]:
    """The overrides that shape a model; not those of where results go and whom to tell."""
    return {
        name: value
        for name, value in recorded.items()
        if name[len(PREFIX) :].lower().split("__")[0] not in _NOT_AGAIN
    }


def _compare(attempt: Attempt, tracker: Tracker, params: Params, source: str) -> Summary:
    lineage, version = attempt.lineage, attempt.version
    wanted = str(version.tags[DIGEST])
    made = attempt.place / _bundle_of(lineage)
    got = load_bundle(made).digest
    facts: dict[str, Any] = {
        "version": version.version,
        "registered": wanted,
        "reproduced": got,
        "equal": got == wanted,
        "commit": lineage.facts["code"]["commit"],
        "source": source,
        "seconds": attempt.seconds,
        "doubts": attempt.doubts,
    }
    if got != wanted:
        with tempfile.TemporaryDirectory(prefix="churn-registered-") as place:
            fetched = Path(place) / "bundle"
            tracker.download(params.tracking.model, version.version, fetched)
            facts["files"] = differences(fetched, made)
        facts["stages"] = _other_outputs(attempt)
        now = {name: str(value) for name, value in versions().items()}
        was = {name: str(value) for name, value in lineage.facts["versions"].items()}
        facts["versions"] = _pairs(was, now)
        facts["overrides"] = _pairs(lineage.facts["overrides"], overrides(os.environ))
    return Summary(STAGE, {}, [], facts, _lines(facts))


def _bundle_of(lineage: Lineage) -> str:
    """Where the stage leaves its bundle, which paths.artifacts decides."""
    name = str(lineage.facts["stage"]).removeprefix("train_")
    outs = read_lock(str(lineage.lock))[lineage.facts["stage"]].outs
    return next(path for path in outs if path.endswith(f"models/{name}"))


def _other_outputs(attempt: Attempt) -> list[str]:
    """What came out different on the way: the first one is where to look."""
    was = read_lock(str(attempt.lineage.lock))
    now = read_lock((attempt.place / "dvc.lock").read_text(encoding="utf-8"))
    stage = attempt.lineage.facts["stage"]
    return [
        f"{name}: {path}"
        for name in (*upstream(was, stage), stage)
        for path, md5 in was[name].outs.items()
        if now[name].outs.get(path) != md5
    ]


def _pairs(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, list[str | None]]:
    names = sorted(was.keys() | now.keys())
    return {n: [was.get(n), now.get(n)] for n in names if was.get(n) != now.get(n)}


def _lines(facts: Mapping[str, Any]) -> list[str]:
    head = "the same model, byte for byte" if facts["equal"] else "ANOTHER MODEL came out"
    lines = [
        f"version {facts['version']}: {head}",
        f"  registered  {facts['registered']}",
        f"  reproduced  {facts['reproduced']}",
        f"  commit {facts['commit']}, data from {facts['source']}",
        "  " + ", ".join(f"{name} {value:.1f} s" for name, value in facts["seconds"].items()),
    ]
    lines += [f"  in spite of: {text}" for text in facts["doubts"]]
    if facts["equal"]:
        return lines
    lines += [f"  differs: {name}: {text}" for name, text in facts["files"].items()]
    if facts["stages"]:
        lines.append(f"  first different output: {facts['stages'][0]}")
    for kind in ("versions", "overrides"):
        lines += [
            f"  {kind[:-1]}: {name} was {was or 'not set'}, is {now or 'not set'}"
            for name, (was, now) in facts[kind].items()
        ]
    lines.append(
        "  fix: install the libraries that were used and take away what else is named above;"
        " --into DIR keeps the folder to look into"
    )
    return lines
