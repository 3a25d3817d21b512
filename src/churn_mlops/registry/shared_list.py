"""The latest list beside the champion in the registry, for APIs that share no disk with the jobs.

The file in which users are looked up lies in the champion's run, and one tag of the champion's
version names it, so that whoever asks for the champion knows the list as well. A new file never
takes the place of the one that is named: there are two, in turns.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from churn_mlops.errors import ContractError
from churn_mlops.files import file_digest
from churn_mlops.inference.predictions import store_path
from churn_mlops.inference.user_store import StoredUsers
from churn_mlops.params import Params
from churn_mlops.registry.champion import CHAMPION
from churn_mlops.registry.mlflow_registry import Tracker

TAG = "list"
FILE = "users.sqlite"
FOLDERS = ("lists/0", "lists/1")


@dataclass(frozen=True)
class SharedList:
    """A list as the champion's version names it.

    Parameters
    ----------
    as_of_date : str
        The scored day, ISO.
    sha256 : str
        Of the file.
    folder : str
        Where the file lies in the version's run.
    """

    as_of_date: str
    sha256: str
    folder: str

    def as_tag(self) -> str:
        """The text of the tag."""
        return json.dumps(asdict(self))

    @classmethod
    def of_tag(cls, text: str | None) -> SharedList | None:
        """Read the tag; None without one.

        Raises
        ------
        ContractError
            It is not what `as_tag` writes.
        """
        if not text:
            return None
        try:
            found = cls(**json.loads(text))
            if len(found.sha256) != 64 or found.folder not in FOLDERS:
                raise ValueError("no such file")
            date.fromisoformat(found.as_of_date)
        except (ValueError, TypeError) as error:
            raise ContractError(
                f"the champion's tag '{TAG}' in the registry is not one of ours: {error}",
                fix="the next `churn job batch-score` writes it anew",
            ) from error
        return found


def is_shared(params: Params) -> bool:
    """Whether the registry is a server, which others ask, too."""
    return urlsplit(params.tracking.uri).scheme in ("http", "https")


def share(params: Params) -> SharedList | None:
    """Give the latest list to the registry, unless it has it.

    Parameters
    ----------
    params : Params

    Returns
    -------
    SharedList or None
        None when there is no list, or the registry names no champion.

    Raises
    ------
    ContractError
        The list is damaged.
    TrackingError
        MLflow does not answer.
    """
    path = store_path(params)
    if not path.exists():
        return None
    with closing(StoredUsers(path)) as users:
        day = users.as_of_date.isoformat()
    digest = file_digest(path)
    name = params.tracking.model
    with Tracker(params.tracking) as tracker:
        version = tracker.by_alias(name, CHAMPION)
        if version is None:
            return None
        known = _known(version.tags.get(TAG))
        if known is not None and known.sha256 == digest:
            return known
        free = FOLDERS[1] if known is not None and known.folder == FOLDERS[0] else FOLDERS[0]
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".sharing-") as folder:
            _place(path, Path(folder) / FILE)
            tracker.attach(version.run_id, Path(folder), free)
        shared = SharedList(day, digest, free)
        tracker.set_tags(name, version.version, {TAG: shared.as_tag()})
    return shared


def _known(text: str | None) -> SharedList | None:
    try:
        return SharedList.of_tag(text)
    except ContractError:
        return None


def _place(path: Path, to: Path) -> None:
    """The file under the name that it gets there, without a copy where the disk can."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)
