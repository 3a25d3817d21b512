"""Images are set by digest in an overlay, and nothing else in it changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.integration.tools import require_tool
from tests.manifests.objects import OVERLAYS, Object, containers, key, templates
from tests.workspaces import ROOT

DIGEST = {"churn-api": "sha256:" + "a1" * 32, "churn-ml": "sha256:" + "b2" * 32}
WORDS = {
    name: f"{name}=registry.example.com:5000/team/{name}:0.1.0-5.1@{digest}"
    for name, digest in DIGEST.items()
}


@pytest.fixture
def k8s(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "k8s", tmp_path / "k8s"))


def set_image(*arguments: object, code: int = 0) -> str:
    """Run the script; what it says when it refuses."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/set_image.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def rendered(folder: Path) -> dict[tuple[str, str], Object]:
    done = subprocess.run(
        [require_tool("kubectl"), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {key(one): one for one in yaml.safe_load_all(done.stdout)}


def without_images(objects: dict[tuple[str, str], Object]) -> dict[tuple[str, str], Object]:
    """The same objects, and their images taken out."""
    for _, template in templates(list(objects.values())):
        for container in containers(template):
            container.pop("image")
    return objects


def images(objects: dict[tuple[str, str], Object]) -> set[str]:
    return {c["image"] for _, t in templates(list(objects.values())) for c in containers(t)}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_of_ours_are_pinned_and_the_rest_is_as_it_was(k8s: Path, overlay: str) -> None:
    folder = k8s / "overlays" / overlay
    before = rendered(folder)
    set_image(folder, *WORDS.values())
    after = rendered(folder)
    ours = {image for image in images(after) if "churn-" in image}
    assert ours == {word.partition("=")[2] for word in WORDS.values()}
    assert images(after) - ours == {one for one in images(before) if "churn-" not in one}
    assert without_images(after) == without_images(before)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_only_lines_of_the_images_change(k8s: Path, overlay: str) -> None:
    path = k8s / "overlays" / overlay / "kustomization.yaml"
    before = path.read_text().splitlines()
    set_image(path.parent, *WORDS.values())
    kept = path.read_text().splitlines()
    fields = ("newName:", "newTag:", "digest:")
    changed = [line for line in kept if line not in before]
    assert all(line.strip().startswith(fields) for line in changed)
    rest = [[one for one in text if not one.strip().startswith(fields)] for text in (before, kept)]
    assert rest[0] == rest[1]


def test_twice_is_once_and_one_image_can_be_set_alone(k8s: Path) -> None:
    folder = k8s / "overlays/staging"
    path = folder / "kustomization.yaml"
    before = yaml.safe_load(path.read_text())["images"]
    set_image(folder, WORDS["churn-ml"])
    once = path.read_text()
    set_image(folder, WORDS["churn-ml"])
    assert path.read_text() == once
    after = yaml.safe_load(once)["images"]
    assert [one for one in after if one["name"] != "churn-ml"] == [
        one for one in before if one["name"] != "churn-ml"
    ]


def test_production_takes_over_what_staging_has(k8s: Path) -> None:
    staging, production = (k8s / "overlays" / name for name in ("staging", "production"))
    set_image(staging, *WORDS.values())
    set_image(production, "--from", staging)
    assert images(rendered(production)) == images(rendered(staging))


def test_a_tag_is_not_taken_over(k8s: Path) -> None:
    production = k8s / "overlays/production"
    before = (production / "kustomization.yaml").read_text()
    said = set_image(production, "--from", k8s / "overlays/local", code=1)
    assert "churn-api by its tag dev" in said
    assert "set its digest there first" in said
    assert (production / "kustomization.yaml").read_text() == before


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("churn-api=registry.example.com/churn-api:1.0", "is not NAME="),
        ("churn-api=registry.example.com/churn-api:1.0@sha256:abc", "64 hexadecimal digits"),
        (f"churn-api=registry.example.com/churn-api@{DIGEST['churn-api']}", "is not NAME="),
        (f"churn-api=x:1@{DIGEST['churn-api'].upper()}", "is not NAME="),
        (f"churn-api=x:1@{DIGEST['churn-api']}\n", "is not NAME="),
        ("churn-api", "scripts/push_images.sh prints it"),
        ("", "is not NAME="),
        (WORDS["churn-ml"].replace("churn-ml=", "churn-web="), "no image churn-web; it has"),
    ],
)
def test_what_is_no_image_is_refused_and_nothing_is_written(
    k8s: Path, word: str, reason: str
) -> None:
    path = k8s / "overlays/staging/kustomization.yaml"
    before = path.read_text()
    assert reason in set_image(path.parent, WORDS["churn-api"], word, code=1)
    assert path.read_text() == before


def test_a_folder_that_is_no_overlay_is_refused(k8s: Path, tmp_path: Path) -> None:
    assert "is not there" in set_image(tmp_path / "none", WORDS["churn-api"], code=1)
    assert "is not there" in set_image(k8s / "plain", WORDS["churn-api"], code=1)
    assert "name images, or another overlay" in set_image(k8s / "overlays/staging", code=2)
    (tmp_path / "kustomization.yaml").write_text("a: [")
    assert "is no YAML" in set_image(tmp_path, WORDS["churn-api"], code=1)
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    assert "has no images" in set_image(tmp_path, WORDS["churn-api"], code=1)
