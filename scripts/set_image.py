"""Set images by their digest in an overlay of k8s/overlays; nothing else in it changes.

Usage: python scripts/set_image.py OVERLAY NAME=REPOSITORY:TAG@sha256:DIGEST ...
       python scripts/set_image.py OVERLAY --from OTHER-OVERLAY      takes over what another has

The tag is for people; the digest is what a cluster pulls.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

OURS = ("churn-api", "churn-ml")
IMAGE = re.compile(
    r"(?P<newName>[a-z0-9][a-z0-9._:/-]*?):(?P<newTag>[\w][\w.-]{0,127})@(?P<digest>sha256:[0-9a-f]{64})"
)


class ImageError(Exception):
    """What was asked for cannot be set."""


def yaml() -> YAML:
    """A reader and writer that keeps comments, order and layout as they are."""
    kept = YAML()
    kept.preserve_quotes = True
    kept.width = 10_000
    kept.indent(mapping=2, sequence=4, offset=2)
    return kept


def read(overlay: Path) -> tuple[Path, Any]:
    """An overlay's file and what stands in it."""
    path = overlay / "kustomization.yaml"
    if not path.is_file():
        raise ImageError(f"{path} is not there; name a folder like k8s/overlays/staging")
    try:
        tree = yaml().load(path)
    except YAMLError as error:
        raise ImageError(f"{path} is no YAML: {error}") from error
    if not isinstance(tree, dict) or not tree.get("images"):
        raise ImageError(f"{path} has no images; name the images there first")
    return path, tree


def entry(tree: Any, name: str, path: Path) -> Any:
    """What an overlay says of one image."""
    for one in tree["images"]:
        if one["name"] == name:
            return one
    known = ", ".join(one["name"] for one in tree["images"])
    raise ImageError(f"{path} has no image {name}; it has {known}")


def parsed(word: str) -> tuple[str, dict[str, str]]:
    """The name and the new values in NAME=REPOSITORY:TAG@sha256:DIGEST."""
    name, _, image = word.partition("=")
    found = IMAGE.fullmatch(image)
    if found is None:
        raise ImageError(
            f"{word!r} is not NAME=REPOSITORY:TAG@sha256:DIGEST with 64 hexadecimal digits;"
            " scripts/push_images.sh prints it"
        )
    return name, found.groupdict()


def taken_from(other: Path) -> dict[str, dict[str, str]]:
    """Our images in another overlay, which must be there by digest."""
    path, tree = read(other)
    images = {name: entry(tree, name, path) for name in OURS}
    for name, one in images.items():
        if "digest" not in one:
            raise ImageError(
                f"{path} has {name} by its tag {one.get('newTag')}, which may be another image"
                " tomorrow; set its digest there first"
            )
    return {
        name: {key: str(one[key]) for key in ("newName", "newTag", "digest") if key in one}
        for name, one in images.items()
    }


def set_images(overlay: Path, images: dict[str, dict[str, str]]) -> None:
    """Write the new values; all of them or, at the first mistake, none."""
    path, tree = read(overlay)
    for name, values in images.items():
        entry(tree, name, path).update(values)
    yaml().dump(tree, path)


def main(arguments: list[str]) -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("overlay", type=Path)
    parser.add_argument("images", nargs="*", metavar="NAME=REPOSITORY:TAG@sha256:DIGEST")
    parser.add_argument("--from", dest="other", type=Path, metavar="OTHER-OVERLAY")
    given = parser.parse_args(arguments)
    if bool(given.images) == bool(given.other):
        parser.error("name images, or another overlay with --from")
    try:
        images = taken_from(given.other) if given.other else dict(map(parsed, given.images))
        set_images(given.overlay, images)
    except ImageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
