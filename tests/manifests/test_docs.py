"""Every kubectl command in the docs is one that kubectl takes, about objects that there are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.integration.tools import require_tool
from tests.manifests.objects import ROOT, names, plain_objects, rendered

DOCS = (
    "docs/kubernetes.md",
    "docs/operations.md",
    "docs/argocd.md",
    "docs/quickstart.md",
    "docs/runbook.md",
    "docs/spark.md",
)
NOBODY = "http://127.0.0.1:9"
KINDS = {
    "deployment": "Deployment",
    "deploy": "Deployment",
    "service": "Service",
    "svc": "Service",
    "job": "Job",
    "cronjob": "CronJob",
}


def commands(path: str) -> list[str]:
    """What stands in fenced blocks, without comments, pipes and redirections."""
    text = (ROOT / path).read_text()
    lines = [
        line
        for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
        for line in block.split("\n")
    ]
    cut = [re.split(r"\s+[|<>#]", line, maxsplit=1)[0].strip() for line in lines]
    return [line for line in cut if line.startswith("kubectl ")]


ALL = sorted({command for path in DOCS for command in commands(path)})


def test_the_docs_have_commands() -> None:
    assert len(ALL) > 20


@pytest.mark.parametrize("command", ALL)
def test_kubectl_understands_it(command: str, tmp_path: Path) -> None:
    """It is run against a cluster that is not there: that is all that may go wrong."""
    words = shlex.split(command)
    (tmp_path / "params.yaml").write_text("{}")
    words = [word.replace("=params.yaml", f"={tmp_path}/params.yaml") for word in words]
    done = subprocess.run(
        [require_tool("kubectl"), f"--server={NOBODY}", "--request-timeout=2s", *words[1:]],
        cwd=ROOT,
        env=os.environ | {"KUBECONFIG": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "--dry-run=client" in words:
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode != 0
        assert "connection refused" in done.stderr or "was refused" in done.stderr, done.stderr


@pytest.mark.parametrize("command", ALL)
def test_what_it_names_is_there(command: str) -> None:
    objects = [*plain_objects(), *rendered("production"), *rendered("spark")]
    for kind, name in re.findall(r"\b([a-z]+)/([a-z][a-z-]+)\b", command):
        if kind in KINDS:
            assert name in names(objects, KINDS[kind]), command
    if "kubectl apply" not in command and "-k " not in command and "-f " not in command:
        assert re.search(r"-n (churn-mlops|argocd) ", command)
