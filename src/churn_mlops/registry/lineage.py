"""Where a model comes from: code, parameters, data, overrides and libraries, as it was trained.

Taken down when a model is registered, not when it is trained: dvc.lock then holds the training
itself. Whether it is this model that dvc.lock speaks of is checked by the bundle's hash, so that a
model trained by hand is never said to come from data that it has not seen.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from churn_mlops import __version__
from churn_mlops.params import Params
from churn_mlops.registry import dvc_lock
from churn_mlops.registry.code_state import code_state
from churn_mlops.registry.masks import mask_lock, mask_params, mask_tree

FORMAT = 1
PREFIX = "CHURN__"
LIBRARIES = (
    "duckdb",
    "ibis-framework",
    "lightgbm",
    "numpy",
    "onnx",
    "onnxruntime",
    "pyarrow",
    "scikit-learn",
    "scipy",
)


@dataclass(frozen=True)
class Lineage:
    """All that is known about where a model comes from; nothing in it is secret.

    Parameters
    ----------
    facts : dict
        What ``lineage.json`` holds; ``missing`` says what is not known, and why.
    params : str or None
        The parameter file.
    lock : str or None
        dvc.lock.
    effective : dict
        The parameters that were at work: the file's, the overrides' and the defaults.
    """

    facts: dict[str, Any]
    params: str | None
    lock: str | None
    effective: dict[str, Any]


def collect(
    params: Params,
    *,
    stage: str,
    bundle: Path,
    digest: str,
    params_file: Path = Path("params.yaml"),
    environment: Mapping[str, str] | None = None,
) -> Lineage:
    """Take down where a model comes from; what cannot be known is left null and said so.

    Parameters
    ----------
    params : Params
        As they are at work.
    stage : str
        That trained it, such as ``train_candidate``.
    bundle : Path
        Where the stage left it.
    digest : str
        The bundle's.
    params_file : Path
    environment : mapping of str to str, optional
        By default the process's.
    """
    around = os.environ if environment is None else environment
    missing: list[str] = []
    text = _masked(params_file, mask_params, missing)
    lock = _masked(Path("dvc.lock"), mask_lock, missing)
    code = code_state(Path.cwd())
    if code.why:
        missing.append(f"the commit: {code.why}")
    facts = {
        "format": FORMAT,
        "stage": stage,
        "bundle_sha256": digest,
        "package": __version__,
        "code": asdict(code) | {"changed": list(code.changed)},
        "data": _data(lock, stage, bundle, missing),
        "overrides": overrides(around),
        "versions": versions(),
        "missing": missing,
    }
    return Lineage(facts, text, lock, mask_tree(params.model_dump(mode="json")))


def overrides(environment: Mapping[str, str]) -> dict[str, str]:
    """The overrides of parameters in an environment by name, upper case, secrets masked."""
    found = {}
    for name, value in sorted(environment.items()):
        if name.upper().startswith(PREFIX):
            path = tuple(name[len(PREFIX) :].lower().split("__"))
            found[name.upper()] = _masked_value(value, path)
    return found


def versions() -> dict[str, str | None]:
    """Python, the platform and the libraries that a model's bytes may depend on."""
    known: dict[str, str | None] = {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
    for name in LIBRARIES:
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            known[name] = None
    return known


def _masked_value(value: str, path: tuple[str, ...]) -> str:
    try:
        tree = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        tree = value
    masked = mask_tree(tree, path)
    return value if masked == tree else masked if isinstance(masked, str) else json.dumps(masked)


def _masked(path: Path, mask: Any, missing: list[str]) -> str | None:
    try:
        return str(mask(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        missing.append(f"{path}: there is none in {Path.cwd()}")
    except (OSError, ValueError, yaml.YAMLError) as error:
        # Without its words, which may repeat a line with a secret.
        missing.append(f"{path}: it cannot be read ({type(error).__name__})")
    return None


def _data(text: str | None, stage: str, bundle: Path, missing: list[str]) -> dict[str, Any]:
    """Hashes of what the stage built on, provided that dvc.lock speaks of this very bundle."""
    nothing: dict[str, Any] = {"inputs": None, "built_from": None}
    if text is None:
        return nothing
    try:
        lock = dvc_lock.read_lock(text)
        if stage not in lock:
            missing.append(f"the data: dvc.lock does not know {stage}")
            return nothing
        if lock[stage].outs.get(bundle.as_posix()) != dvc_lock.hash_of(bundle):
            missing.append(f"the data: the model in {bundle} is not the one that dvc.lock tells of")
            return nothing
        inputs = {p: md5 for p, md5 in lock[stage].deps.items() if dvc_lock.made_by(lock, p)}
        before = [lock[name].outs for name in dvc_lock.upstream(lock, stage)]
    except (OSError, ValueError) as error:
        missing.append(f"the data: {error}")
        return nothing
    return {"inputs": inputs, "built_from": {p: md5 for outs in before for p, md5 in outs.items()}}
