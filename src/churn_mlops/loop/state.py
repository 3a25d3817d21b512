"""The few files that outlive every run and that neither git nor DVC nor MLflow keep."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from churn_mlops.params import Params

# Below a root of `paths`: decisions and the champion; what is needed to grade predictions later.
STATE = (
    ("artifacts", "ledger.jsonl"),
    ("artifacts", "production"),
    ("artifacts", "metrics/promotion.json"),
    ("artifacts", "monitoring"),
    ("artifacts", "daily"),
    ("data", "scored"),
)
LEDGER = "artifacts/ledger.jsonl"


def state_files(params: Params) -> dict[str, Path]:
    """The state that is there: name in a backup to place in this workspace."""
    found = {}
    for root, below in STATE:
        base = _root(params, root)
        top = base / below
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            # What begins with a dot is being written, or what a killed process has left.
            hidden = any(part.startswith(".") for part in path.relative_to(base).parts)
            if path.is_file() and not hidden:
                found[f"{root}/{path.relative_to(base).as_posix()}"] = path
    return found


def state_path(params: Params, name: str) -> Path:
    """Where a name of a backup belongs in this workspace.

    Raises
    ------
    ValueError
        It is the name of no state: a backup may not write anywhere else.
    """
    root, _, rest = name.partition("/")
    parts = PurePosixPath(rest).parts
    known = any(
        root == one and (rest == below or rest.startswith(f"{below}/")) for one, below in STATE
    )
    if not known or "\\" in name or any(part in ("..", ".", "/") for part in parts):
        raise ValueError(f"'{name}' is no file of a workspace's state")
    return _root(params, root).joinpath(*parts)


def _root(params: Params, root: str) -> Path:
    return Path(params.paths.artifacts if root == "artifacts" else params.paths.data)
