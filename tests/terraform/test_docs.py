"""docs/aws.md names outputs and variables that there are, and commands that are understood."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.manifests import test_docs as of_manifests
from tests.manifests.test_schema import VERSIONS
from tests.terraform.checkout import ROOT, SOURCE
from tests.terraform.test_configuration import ROOT_VARIABLES

PAGE = (ROOT / "docs/aws.md").read_text()
# It changes a file, and asks no cluster.
KUBECTL = [
    one for one in of_manifests.commands("docs/aws.md") if not one.startswith("kubectl config")
]


def test_outputs_are_there() -> None:
    named = set(re.findall(r"output -raw\s+(\w+)", PAGE))
    there = set(re.findall(r'^output "(\w+)"', (SOURCE / "outputs.tf").read_text(), re.MULTILINE))
    assert len(named) > 5
    assert named <= there


@pytest.mark.parametrize(
    "name",
    ["admin_role_arns", "public_endpoint_cidrs", "addons", "force_destroy", "nat_gateways"],
)
def test_variables_are_there(name: str) -> None:
    assert name in PAGE
    assert name in ROOT_VARIABLES


def test_folders_of_modules_are_all_named() -> None:
    for module in (SOURCE / "modules").iterdir():
        assert f"`{module.name}`" in PAGE


@pytest.mark.parametrize("command", KUBECTL)
def test_kubectl_takes_it(command: str, tmp_path: Path) -> None:
    of_manifests.test_kubectl_understands_it(command.replace("../k8s", "k8s"), tmp_path)
    assert KUBECTL


def test_shell_commands_are_well_formed(tmp_path: Path) -> None:
    blocks = [b for b in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL) if "──" not in b]
    assert len(blocks) > 5
    for block in blocks:
        script = tmp_path / "block.sh"
        script.write_text(block)
        done = subprocess.run(
            ["bash", "-n", str(script)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_storage_class_is_encrypted_and_the_default() -> None:
    one = yaml.safe_load((ROOT / "k8s/components/aws/storageclass.yaml").read_text())
    for version in VERSIONS:
        kubernetes_validate.validate(one, version, strict=True)
    assert one["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert one["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
