"""Argo CD's own types of its objects, as TypeScript holds ours against them: fields and kinds."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest

from tests.argocd.objects import applications, objects
from tests.integration.tools import require_tool
from tests.manifests.objects import Object

PACKAGES = ("typescript@5.9.3", "@kubernetes-models/argo-cd@4.0.0")
MODELS = "@kubernetes-models/argo-cd/argoproj.io/v1alpha1"
OPTIONS = ("--noEmit", "--strict", "--module", "nodenext", "--skipLibCheck", "--pretty", "false")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiler and the types."""
    folder = tmp_path_factory.mktemp("types")
    (folder / "package.json").write_text('{"type": "module"}')
    options = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    npm = (require_tool("npm"), "install", *options, *PACKAGES)
    subprocess.run(npm, cwd=folder, check=True, capture_output=True, timeout=300)
    return folder


def complaints(packages: Path, made: list[Object]) -> str:
    """What the compiler says of objects as constants of their kinds' types."""
    kinds = sorted({one["kind"] for one in made})
    lines = [f'import type {{ I{kind} }} from "{MODELS}";' for kind in kinds]
    lines += [f"export const a{n}: I{o['kind']} = {json.dumps(o)};" for n, o in enumerate(made)]
    (packages / "made.ts").write_text("\n".join(lines))
    tsc = (require_tool("node"), "node_modules/typescript/bin/tsc", *OPTIONS, "made.ts")
    done = subprocess.run(tsc, cwd=packages, check=False, capture_output=True, text=True)
    assert (done.returncode == 0) == (done.stdout == ""), done.stdout + done.stderr
    return done.stdout


def test_every_object_has_its_type(packages: Path) -> None:
    assert len(objects()) == 3
    assert complaints(packages, objects()) == ""


@pytest.mark.parametrize(
    ("where", "value", "words"),
    [
        ("prunes", True, "TS2353"),
        ("selfHeal", "yes", "TS2322"),
    ],
)
def test_what_argo_cd_does_not_know_is_found(
    packages: Path, where: str, value: object, words: str
) -> None:
    broken = copy.deepcopy(applications()[0])
    broken["spec"]["syncPolicy"]["automated"][where] = value
    assert words in complaints(packages, [broken])


def test_what_is_missing_is_found(packages: Path) -> None:
    broken = copy.deepcopy(applications()[0])
    del broken["spec"]["destination"]
    assert "TS2741" in complaints(packages, [broken])
