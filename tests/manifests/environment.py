"""What a kubelet makes of a container's environment."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.manifests.objects import Object

REFERENCE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)")
LABEL = re.compile(r"metadata\.labels\['(.+)'\]")


def environment(container: Object, pod: Object, maps: Iterable[Object]) -> dict[str, str]:
    """The variables of a pod's container.

    Parameters
    ----------
    container, pod : mapping
    maps : iterable of mapping
        The config maps and secrets that there are; what is optional may be missing.

    Raises
    ------
    KeyError
        A map, or a key of one, is missing: the container would not start.
    """
    there = {
        one["metadata"]["name"]: one.get("data") or one.get("stringData") or {} for one in maps
    }
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        given = source.get("configMapRef") or source["secretRef"]
        if given["name"] in there or not given.get("optional"):
            found |= there[given["name"]]
    # References are to what stands in the list itself, and before.
    told: dict[str, str] = {}
    for one in container.get("env", []):
        value = _value(one, pod, there)
        told[one["name"]] = REFERENCE.sub(lambda name: told.get(name[1], name[0]), value)
    return found | told


def _value(one: Object, pod: Object, there: dict[str, dict[str, str]]) -> str:
    source = one.get("valueFrom")
    if source is None:
        return str(one.get("value", ""))
    if key := source.get("configMapKeyRef") or source.get("secretKeyRef"):
        return there[key["name"]][key["key"]]
    path = source["fieldRef"]["fieldPath"]
    if label := LABEL.fullmatch(path):
        return str(pod["metadata"]["labels"][label[1]])
    section, _, field = path.partition(".")
    return str(pod[section][field])
