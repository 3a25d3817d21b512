"""Tells where a Parquet table's files lie: in its folder, or in a store that the folder names.

``_files.json`` in the folder maps the name of each file to its URL. Objects are never written
twice: a table becomes another by a new manifest, so that nothing in the store is ever renamed.
A file that lies in the folder counts more than the manifest, which is written before it goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from churn_mlops.files import read_json, write_json
from churn_mlops.object_store import open_store, unwritable
from churn_mlops.params import Params
from churn_mlops.tables.contract import Contract

NAME = "_files.json"


def listed(path: Path) -> dict[str, str]:
    """Where each of a table's files lies, by its name within the table; ordered by name.

    Parameters
    ----------
    path : Path
        Of the table: a file, a folder, or nothing yet.

    Returns
    -------
    dict of str to str
        Name such as ``part-00000.parquet`` or ``day=2025-01-31/part-00000.parquet`` to a path or
        URL, which ends with the same name.

    Raises
    ------
    ContractError
        The manifest is damaged.
    """
    if not path.is_dir():
        return {path.name: str(path)} if path.exists() else {}
    return dict(sorted((read_manifest(path) | local_files(path)).items()))


def local_files(folder: Path) -> dict[str, str]:
    """The files that lie in a table's folder itself."""
    names = (file.relative_to(folder) for file in folder.rglob("*.parquet"))
    whole = (name for name in names if not any(part.startswith(".") for part in name.parts))
    return {name.as_posix(): str(folder / name) for name in whole}


def read_manifest(folder: Path) -> dict[str, str]:
    """What the folder says of files in a store; nothing when it has no manifest."""
    found = read_json(
        folder / NAME,
        lambda body: {str(name): str(url) for name, url in body["files"].items()},
        "make the table anew: `dvc repro -f` with the stage that writes it",
    )
    return found or {}


def write_manifest(folder: Path, files: Mapping[str, str]) -> None:
    """Let the folder say where its files lie."""
    write_json(folder / NAME, {"files": dict(sorted(files.items()))})


def forget(folder: Path, names: set[str]) -> None:
    """Let the folder say nothing more of some files."""
    known = read_manifest(folder)
    if names & set(known):
        write_manifest(folder, {name: url for name, url in known.items() if name not in names})


def build_url(contract: Contract, params: Params) -> str:
    """A new place for the files of a table: nothing has been written there, or ever will be."""
    return f"{params.tables.location}/{contract.folder}/{contract.name}/{uuid4().hex}"


def ship(folder: Path, contract: Contract, params: Params) -> None:
    """Move the files of a table's folder to ``tables.location``; without one they stay.

    Large files go in parts, and what fails for the moment is tried again. The table changes at
    once, when its manifest does.

    Parameters
    ----------
    folder : Path
        Where the files lie.
    contract : Contract
    params : Params

    Raises
    ------
    UnreachableError, ContractError
        The store is of no known kind, or does not take them, after all tries.
    """
    files = local_files(folder)
    if params.tables.location is None or not files:
        return
    url = build_url(contract, params)
    there = {name: f"{url}/{name}" for name in files}
    store, _ = open_store(url)
    try:
        store.put(list(files.values()), list(there.values()))
    except Exception as error:  # every store has errors of its own
        raise unwritable(url, error) from error
    write_manifest(folder, read_manifest(folder) | there)
    for path in files.values():
        Path(path).unlink()
