"""Keeps lineages in MLflow: a folder of the model's run, and tags of its version that vouch for it.

lineage/lineage.json            code, data, overrides, versions
lineage/params.yaml             the parameter file, secrets masked
lineage/params_effective.json   with defaults and overrides
lineage/dvc.lock
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from churn_mlops.errors import ReproduceError
from churn_mlops.files import write_json, write_text
from churn_mlops.registry.lineage import FORMAT, Lineage
from churn_mlops.registry.mlflow_registry import Tracker, Version

FOLDER = "lineage"
FACTS, PARAMS, EFFECTIVE, LOCK = "lineage.json", "params.yaml", "params_effective.json", "dvc.lock"
# Which run holds the lineage, and the digest of its lineage.json.
RUN, DIGEST = "lineage_run", "lineage_sha256"


def attach(tracker: Tracker, run_id: str, lineage: Lineage) -> dict[str, str]:
    """Add a lineage to a run.

    Returns
    -------
    dict of str to str
        The tags for the version: ``git_commit``, ``data_md5``, ``params_md5``, ``dvc_lock_md5``
        as far as they are known, and those that `fetch` goes by.

    Raises
    ------
    TrackingError
        MLflow refuses.
    """
    with tempfile.TemporaryDirectory(prefix="churn-lineage-") as made:
        folder = Path(made)
        write_json(folder / EFFECTIVE, lineage.effective)
        digests = {EFFECTIVE: _md5(folder / EFFECTIVE)}
        for name, text in ((PARAMS, lineage.params), (LOCK, lineage.lock)):
            if text is not None:
                write_text(folder / name, text)
                digests[name] = _md5(folder / name)
        write_json(folder / FACTS, lineage.facts | {"md5": digests})
        sha256 = hashlib.sha256((folder / FACTS).read_bytes()).hexdigest()
        tracker.attach(run_id, folder, FOLDER)
    inputs = lineage.facts["data"]["inputs"] or {}
    tags = {
        "git_commit": lineage.facts["code"]["commit"],
        "data_md5": " ".join(inputs.values()) or None,
        "params_md5": digests.get(PARAMS),
        "dvc_lock_md5": digests.get(LOCK),
        RUN: run_id,
        DIGEST: sha256,
    }
    return {name: str(value) for name, value in tags.items() if value is not None}


def fetch(tracker: Tracker, version: Version) -> Lineage:
    """Get a version's lineage, verified against its tags.

    Raises
    ------
    ReproduceError
        There is none, or not the one that was attached.
    TrackingError
        MLflow refuses.
    """
    run_id = version.tags.get(RUN)
    if run_id is None:
        raise ReproduceError(
            f"version {version.version} has no lineage: it was registered before lineages were"
            " kept",
            fix="train it again from the same state (`dvc repro`): a model that is registered once"
            " more gets one",
        )
    with tempfile.TemporaryDirectory(prefix="churn-lineage-") as made:
        folder = Path(made)
        names = tracker.fetch(run_id, FOLDER, folder)
        if FACTS not in names:
            raise ReproduceError(
                f"the run {run_id} of version {version.version} has no {FOLDER}/{FACTS} any more",
                fix="restore MLflow's artifacts from a backup",
            )
        body = (folder / FACTS).read_bytes()
        if hashlib.sha256(body).hexdigest() != version.tags.get(DIGEST):
            raise _changed(FACTS, version)
        facts: dict[str, Any] = json.loads(body)
        if facts["format"] != FORMAT:
            raise ReproduceError(
                f"the lineage of version {version.version} has the format {facts['format']}, not"
                f" {FORMAT}",
                fix="use the release of this program that wrote it",
            )
        for name, md5 in facts["md5"].items():
            if name not in names or _md5(folder / name) != md5:
                raise _changed(name, version)
        params, lock = (_text(folder / name) for name in (PARAMS, LOCK))
        return Lineage(facts, params, lock, json.loads((folder / EFFECTIVE).read_text("utf-8")))


def _changed(name: str, version: Version) -> ReproduceError:
    return ReproduceError(
        f"{FOLDER}/{name} of version {version.version} is not the file that was registered",
        fix="find out who changed MLflow's artifacts, and restore them from a backup",
    )


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
