"""The commands of cd.yml's proposals, run as GitHub's runner does, in a clone of this commit."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.delivery.test_set_image import DIGEST, WORDS, images, rendered, set_image
from tests.delivery.workflows import Runner, cloned, fake_gh, git, workflow
from tests.workspaces import ROOT

ENVIRONMENT = "make .venv/.ready"
VALUES = {
    "github.token": "only-for-this-test",
    "needs.images.outputs.api": WORDS["churn-api"].partition("=")[2],
    "needs.images.outputs.ml": WORDS["churn-ml"].partition("=")[2],
}
NAMED = {"GITHUB_SHA": "0123456789abcdef", "GITHUB_REF_NAME": "v0.2.0"}


def runner(folder: Path) -> Runner:
    """A bare repository of this checkout, a clone of it, and a stand-in for GitHub's program."""
    origin, clone = folder / "origin.git", folder / "clone"
    git(folder, "clone", "-q", "--bare", str(ROOT), str(origin))
    git(origin, "branch", "-f", "main", git(ROOT, "rev-parse", "HEAD"))
    cloned(origin, clone, "--branch", "main")
    return Runner(clone, folder / "home", VALUES, dict(NAMED), fake_gh(folder / "fakes"))


def proposed(one: Runner, branch: str) -> Path:
    """The repository as the proposal would have it."""
    folder = one.home / "proposed"
    origin = one.folder.parent / "origin.git"
    git(one.home, "clone", "-q", "--branch", branch, str(origin), str(folder))
    return folder


@pytest.mark.slow
def test_staging_then_production(tmp_path: Path) -> None:
    """Staging is merged, a tag is set, and production gets what staging has."""
    jobs = workflow("cd")["jobs"]
    (tmp_path / "one").mkdir()
    first = runner(tmp_path / "one")
    first.run(jobs["staging"], leave_out=(ENVIRONMENT,))
    tree = proposed(first, "images/staging")
    wanted = {word.partition("=")[2] for word in WORDS.values()}
    overlay = tree / "k8s/overlays/staging"
    assert wanted <= images(rendered(overlay))
    origin = first.folder.parent / "origin.git"
    changed = git(origin, "diff", "--name-only", "main", "images/staging").split()
    assert changed == ["k8s/overlays/staging/kustomization.yaml"]
    assert "for staging" in (tmp_path / "one/fakes/asked").read_text()

    git(first.folder, "switch", "-q", "main")
    git(first.folder, "merge", "-q", "--ff-only", "images/staging")
    git(first.folder, "push", "-q", "origin", "main")
    second = Runner(
        first.folder, tmp_path / "two", VALUES, dict(NAMED), fake_gh(tmp_path / "fakes")
    )
    second.run(jobs["production"], leave_out=(ENVIRONMENT,))
    git(origin, "branch", "-f", "show", "images/production")
    chosen = yaml.safe_load(git(origin, "show", "show:k8s/overlays/production/kustomization.yaml"))[
        "images"
    ]
    assert {one["digest"] for one in chosen if "digest" in one} == {
        word.rpartition("@")[2] for word in WORDS.values()
    }
    assert "v0.2.0 for production" in (tmp_path / "fakes/asked").read_text()


@pytest.mark.slow
def test_without_digests_in_staging_nothing_is_proposed_for_production(tmp_path: Path) -> None:
    one = runner(tmp_path)
    overlay = one.folder / "k8s/overlays/staging/kustomization.yaml"
    lines = [line for line in overlay.read_text().splitlines() if "digest:" not in line]
    overlay.write_text("\n".join(lines) + "\n")
    with pytest.raises(AssertionError, match="set its digest there first"):
        one.run(workflow("cd")["jobs"]["production"], leave_out=(ENVIRONMENT,))
    assert not (tmp_path / "fakes/asked").exists()


REGISTRY = "registry.example.com/team"
PUSHED = {
    name: f"{REGISTRY}/churn-{name}:0.1.0-57.2@{DIGEST[f'churn-{name}']}" for name in ("api", "ml")
}


def programs(folder: Path) -> Path:
    """Stand-ins that write down what they are asked for; podman tells a digest, as it does."""
    folder.mkdir()
    for name in ("podman", "docker", "aws", "cosign", "syft"):
        body = "#!/bin/sh\n"
        if name == "docker":  # what comes through the pipe is there before it is asked for
            body += '[ "$(cat)" = only-for-this-test ] || exit 1\n'
        body += f'echo "{name} $*" >>"$(dirname "$0")/asked"\n'
        if name == "podman":
            for image, digest in DIGEST.items():
                body += f'case "$*" in push*{image}:*) printf {digest} >"$3" ;; esac\n'
        if name == "aws":
            body += "echo only-for-this-test\n"
        (folder / name).write_text(body)
        (folder / name).chmod(0o755)
    return folder


def test_images_are_built_pushed_and_signed_by_their_digests(tmp_path: Path) -> None:
    """The commands of the job; podman, cosign and syft are not theirs."""
    job = workflow("cd")["jobs"]["images"]
    fakes = programs(tmp_path / "fakes")
    values = {
        "vars.REGISTRY": REGISTRY,
        "steps.push.outputs.api": PUSHED["api"],
        "steps.push.outputs.ml": PUSHED["ml"],
        "steps.syft.outputs.cmd": str(fakes / "syft"),
    }
    numbers = {"GITHUB_RUN_NUMBER": "57", "GITHUB_RUN_ATTEMPT": "2"}
    one = Runner(ROOT, tmp_path / "home", values, numbers, fakes)
    one.run(job)
    told = dict(line.split("=", 1) for line in one.text("output").splitlines())
    assert told == PUSHED | {f"{n}-digest": DIGEST[f"churn-{n}"] for n in ("api", "ml")}
    asked = (fakes / "asked").read_text().splitlines()
    assert [line.split()[:2] for line in asked[:4]] == [
        ["podman", "build"],
        ["podman", "build"],
        ["aws", "ecr"],
        ["docker", "login"],
    ]
    assert all("--tag churn-" in line and ":0.1.0-57.2 " in line for line in asked[:2])
    assert asked[3].endswith(" registry.example.com"), "a login is for a host"
    for image in PUSHED.values():
        assert f"cosign sign --yes {image}" in asked
        assert f"syft scan registry:{image} --output spdx-json=sbom.json" in asked
        assert f"cosign attest --yes --type spdxjson --predicate sbom.json {image}" in asked
    # What this job puts out is what the next takes.
    for name, image in PUSHED.items():
        overlay = tmp_path / f"k8s-{name}"
        shutil.copytree(ROOT / "k8s", overlay)
        set_image(overlay / "overlays/staging", f"churn-{name}={image}")
        assert image in images(rendered(overlay / "overlays/staging"))


@pytest.mark.parametrize("missing", ["REGISTRY", "TAG"])
def test_a_push_without_a_place_or_a_tag_says_which(tmp_path: Path, missing: str) -> None:
    given = {"REGISTRY": REGISTRY, "TAG": "1"}
    del given[missing]
    done = subprocess.run(
        [str(ROOT / "scripts/push_images.sh")],
        env={"PATH": os.environ["PATH"]} | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"{missing}: name the " in done.stderr
