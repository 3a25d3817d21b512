"""Copies of terraform/ to work in, with a provider of the machine or a downloaded one."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.integration.tools import require_tool

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "terraform"
# Where machines without the internet keep providers, below the environment's own place for them.
MIRRORS = ("/opt", "/usr/local/share/terraform", "/usr/share/terraform", str(Path.home()))
PROVIDER = "**/hashicorp/aws/*/*/terraform-provider-aws*"


@lru_cache
def mirror() -> Path | None:
    """The folder of providers to give to `terraform init`; without one it downloads."""
    if given := os.environ.get("TF_PLUGIN_DIR"):
        return Path(given)
    for place in MIRRORS:
        for folder in (*Path(place).glob("*plugin*"), *Path(place).glob(".terraform.d/plugins")):
            for provider in sorted(folder.glob(PROVIDER)):
                # HOST/hashicorp/aws/VERSION/PLATFORM/PROVIDER
                return provider.parents[5]
    return None


@dataclass(frozen=True)
class Checkout:
    """A folder with the configuration and, later, its state."""

    folder: Path

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """What Terraform says; it must end with one of the codes."""
        done = self.ends(*arguments)
        assert done.returncode in codes, f"terraform {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def ends(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [require_tool("terraform"), *arguments],
            cwd=self.folder,
            # No settings of whoever runs the tests: neither Terraform's nor AWS's.
            env={name: value for name, value in os.environ.items() if not _is_theirs(name)}
            | {
                "TF_CLI_CONFIG_FILE": os.devnull,
                "TF_IN_AUTOMATION": "1",
                "TF_CLI_ARGS": "-no-color",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def init(self) -> None:
        found = mirror()
        self.run("init", "-input=false", *([f"-plugin-dir={found}"] if found else []))


def _is_theirs(name: str) -> bool:
    return name.startswith(("TF_", "AWS_"))


def checkout(folder: Path) -> Checkout:
    """A fresh copy, initialised."""
    shutil.copytree(
        SOURCE,
        folder,
        ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars", "backend.tf"),
    )
    copy = Checkout(folder)
    copy.init()
    return copy
