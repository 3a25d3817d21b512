"""The objects of argocd/, and what the applications name."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.manifests.objects import ROOT, Object, rendered

FOLDER = ROOT / "argocd"
SETTINGS = FOLDER / "settings" / "argocd-cm.yaml"
PREFIX = "argocd.argoproj.io"


@cache
def objects() -> list[Object]:
    """What `kubectl apply -f argocd/` applies."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        found += [one for one in yaml.safe_load_all(path.read_text()) if one]
    return found


def project() -> Object:
    (found,) = [one for one in objects() if one["kind"] == "AppProject"]
    return found


def applications() -> list[Object]:
    return [one for one in objects() if one["kind"] == "Application"]


def overlay(application: Object) -> str:
    """The name of the overlay that an application takes."""
    return Path(application["spec"]["source"]["path"]).name


OVERLAYS = sorted(overlay(one) for one in applications())


def annotation(one: Object, name: str, default: str = "") -> str:
    found: dict[str, Any] = one["metadata"].get("annotations") or {}
    return str(found.get(f"{PREFIX}/{name}", default))


def wave(one: Object) -> int:
    return int(annotation(one, "sync-wave", "0"))


def by_wave(name: str) -> dict[int, list[Object]]:
    """An overlay's objects in the order in which Argo CD applies them."""
    found: dict[int, list[Object]] = {}
    for one in sorted(rendered(name), key=wave):
        found.setdefault(wave(one), []).append(one)
    return found
