"""Takes secrets out of parameters before they are kept anywhere.

Passwords within URLs go wherever they stand; some parameters are secret as a whole. What stands in
their place is still valid for the parameter, so that masked parameters can be loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

Path = tuple[str, ...]
# Secret as a whole -> what is kept instead.
SECRETS: dict[Path, Any] = {
    ("data", "sql", "url"): "***",
    ("monitoring", "alert", "webhook"): None,
    ("monitoring", "alert", "slack"): None,
    ("serving", "api_keys"): [],
}
_LOGIN = re.compile(r"(?<=://)[^\s/'\"]*@")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def mask_logins(text: str) -> str:
    """Put ``***`` in the place of user and password in every URL of a text."""
    return _LOGIN.sub("***@", text)


def mask_tree(tree: Any, path: Path = ()) -> Any:
    """Mask a tree of parameters, or the part of it that lies at a path."""
    if path in SECRETS:
        return SECRETS[path] if tree else tree
    if isinstance(tree, Mapping):
        return {name: mask_tree(below, (*path, str(name))) for name, below in tree.items()}
    if isinstance(tree, list | tuple):
        return [mask_tree(below, path) for below in tree]
    return mask_logins(tree) if isinstance(tree, str) else tree


def mask_params(text: str) -> str:
    """Mask the text of a parameter file, comments as well; the rest stays as it is.

    Raises
    ------
    yaml.YAMLError
        It is no YAML.
    """
    return _mask(text, lambda path: path)


def mask_lock(text: str) -> str:
    """Mask the text of a dvc.lock, which repeats the parameters of every stage.

    Raises
    ------
    yaml.YAMLError
        It is no YAML.
    """

    def params_path(path: Path) -> Path:
        # stages / NAME / params / FILE / data.sql.url
        return path[4:] if path[:1] == ("stages",) and path[2:3] == ("params",) else ()

    return _mask(text, params_path)


def _mask(text: str, params_path: Callable[[Path], Path]) -> str:
    root = yaml.compose(text, Loader=_LOADER)
    spans: list[tuple[int, int, str]] = []
    secrets: set[str] = set()
    for path, node in _nodes(root, ()):
        dotted = tuple(part for key in params_path(path) for part in key.split("."))
        if dotted in SECRETS and not _is_empty(node):
            start, end = node.start_mark.index, node.end_mark.index
            kept = text[start:end]
            tail = kept[len(kept.rstrip()) :]
            spans.append((start, end, json.dumps(SECRETS[dotted]) + tail))
            secrets |= set(_values(node))
    for start, end, instead in sorted(spans, reverse=True):
        text = text[:start] + instead + text[end:]
    # A comment may repeat one.
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return mask_logins(text)


def _nodes(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _nodes(value, (*path, str(key.value)))


def _is_empty(node: Any) -> bool:
    return not node.value or node.tag == "tag:yaml.org,2002:null"


def _values(node: Any) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield str(node.value)
    else:
        for below in node.value:
            yield from _values(below)
