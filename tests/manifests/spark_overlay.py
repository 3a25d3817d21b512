"""The overlay of docs/spark.md, as somebody would have it beside the others."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.integration.tools import require_tool
from tests.manifests.objects import K8S, ROOT, Object

PAGE = ROOT / "docs/spark.md"
IMAGE = {"name": "churn-spark", "newName": "registry.example.com/churn-spark", "newTag": "0.1.0"}


def documented() -> Object:
    """The page's Kustomization."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (found,) = [
        one
        for one in map(yaml.safe_load, blocks)
        if "kind" in one and one["kind"] == "Kustomization"
    ]
    made: Object = found
    return made


def rendered_overlay(folder: Path, overlay: Object, sizes: str) -> list[Object]:
    """What `kubectl apply -k` would apply with it and sizes of its own."""
    shutil.copytree(K8S, folder / "k8s", symlinks=True)
    own = folder / "k8s/overlays/own"
    own.mkdir()
    (own / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    (own / "sizes.yaml").write_text(sizes)
    done = subprocess.run(
        [require_tool("kubectl"), "kustomize", str(own)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [one for one in yaml.safe_load_all(done.stdout) if one is not None]
