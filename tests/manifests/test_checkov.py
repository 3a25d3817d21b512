"""What checkov finds in the manifests and images: nothing, or what is muted with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from tests.linters import checkov, failed
from tests.manifests.objects import ROOT, SOURCES, everything

CHECKOV = (
    *("--framework", "kubernetes", "dockerfile"),
    *("--config-file", str(ROOT / ".checkov.yaml")),
)


def test_checkov_finds_nothing(tmp_path: Path) -> None:
    for name in ("k8s", "docker"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for source in SOURCES[1:]:
        (tmp_path / f"{source}.yaml").write_text(yaml.safe_dump_all(everything(source)))
    reports = checkov(tmp_path, *CHECKOV)
    assert sum(report["summary"]["passed"] for report in reports) > 1_000
    assert failed(reports) == []


def test_checkov_finds_what_is_wrong(tmp_path: Path) -> None:
    pod = {"containers": [{"name": "x", "image": "x", "securityContext": {"privileged": True}}]}
    one = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump(one))
    assert any(one.startswith("CKV_K8S_16") for one in failed(checkov(tmp_path, *CHECKOV)))
