"""The objects of k8s/: as `kubectl apply -f DIR` takes them, and as the overlays render them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.integration.tools import require_tool

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
# In the order in which a newcomer applies them.
FOLDERS = ("plain", "mlflow", "monitoring", "jobs")
# Kinds that are not Kubernetes' own.
OPERATORS = "monitoring.coreos.com/v1"
OVERLAYS = ("local", "staging", "production")
# All that can be applied: the folders, the overlays, and Spark beside the folders.
SOURCES = ("plain", *OVERLAYS, "spark")
NAMESPACE = "churn-mlops"

Object = dict[str, Any]


def files(folder: str) -> list[Path]:
    """What `kubectl apply -f DIR` reads, in its order."""
    kept = [p for p in (K8S / folder).iterdir() if p.suffix in (".yaml", ".yml", ".json")]
    return sorted(kept, key=lambda path: path.name)


def read(path: Path) -> list[Object]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one is not None]


def plain_objects() -> list[Object]:
    """Of all folders, each once."""
    found = {key(one): one for name in FOLDERS for path in files(name) for one in read(path)}
    return list(found.values())


@lru_cache
def _rendered(name: str) -> tuple[str, str]:
    folder = K8S / name if name == "spark" else K8S / "overlays" / name
    done = subprocess.run(
        [require_tool("kubectl"), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def rendered(name: str) -> list[Object]:
    """What `kubectl apply -k k8s/overlays/NAME` applies, or `-k k8s/spark`."""
    return [one for one in yaml.safe_load_all(_rendered(name)[0]) if one is not None]


def warnings(name: str) -> str:
    return _rendered(name)[1]


def everything(source: str) -> list[Object]:
    """What is in the cluster then; with Spark also an executor, as Spark makes it."""
    if source == "spark":
        from tests.manifests import spark

        applied = spark.applied()
        return [*applied, spark.executor(applied)]
    return plain_objects() if source == "plain" else rendered(source)


def key(one: Object) -> tuple[str, str]:
    return one["kind"], one["metadata"]["name"]


def names(objects: list[Object], kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in objects if one["kind"] == kind}


def templates(objects: list[Object]) -> Iterator[tuple[Object, Object]]:
    """Every object that makes pods, with the template of its pods."""
    for one in objects:
        if one["kind"] in ("Deployment", "Job", "StatefulSet", "DaemonSet"):
            yield one, one["spec"]["template"]
        elif one["kind"] == "CronJob":
            yield one, one["spec"]["jobTemplate"]["spec"]["template"]
        elif one["kind"] == "Pod":
            yield one, one


def containers(template: Object) -> list[Object]:
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]
