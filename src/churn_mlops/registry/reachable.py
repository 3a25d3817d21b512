"""Is there anything at ``tracking.uri``? Asked before the work, and without MLflow."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

from churn_mlops.errors import TrackingError
from churn_mlops.params import Tracking

PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
FIX = (
    "start the server or set tracking.uri (MLFLOW_TRACKING_URI); the default is sqlite:///mlflow.db"
)


def check_reachable(tracking: Tracking) -> None:
    """Make sure, within ``tracking.timeout_seconds``, that runs can be logged.

    Raises
    ------
    TrackingError
        The server does not answer, the database file cannot be written, or the scheme of the
        URI is unknown.
    """
    parts = urlsplit(tracking.uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme in ("http", "https"):
        _check_http(tracking)
    elif scheme == "sqlite":
        _check_sqlite(tracking.uri)
    elif scheme in PORTS:
        try:
            address = (parts.hostname or "localhost", parts.port or PORTS[scheme])
            socket.create_connection(address, tracking.timeout_seconds).close()
        except (OSError, ValueError) as error:
            raise TrackingError(
                f"no database answers at {_shown(tracking.uri)}: {error}",
                fix=FIX,
            ) from error
    else:
        known = ", ".join(["http", "https", "sqlite", *PORTS])
        raise TrackingError(
            f"tracking.uri {_shown(tracking.uri)} has the scheme '{scheme}'; known are {known}",
            fix=FIX,
        )


def _check_http(tracking: Tracking) -> None:
    url = f"{tracking.uri.rstrip('/')}/health"
    try:
        with urllib.request.urlopen(url, timeout=tracking.timeout_seconds):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        # Something answers; a log-in is MLflow's own business.
        if error.code < 500:
            return
        reason: object = f"HTTP {error.code}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
    raise TrackingError(
        f"the MLflow server at {_shown(tracking.uri)} does not answer within"
        f" {tracking.timeout_seconds:g} s: {reason}",
        fix=FIX,
    )


def _check_sqlite(uri: str) -> None:
    path = Path(uri.partition("///")[2].partition("?")[0])
    folder = path.parent
    if not folder.is_dir():
        raise TrackingError(f"tracking.uri {uri}: there is no directory {folder}", fix=FIX)
    writable = os.access(path if path.exists() else folder, os.W_OK)
    if path.is_dir() or not writable or not os.access(folder, os.W_OK):
        raise TrackingError(f"tracking.uri {uri}: {path} cannot be written", fix=FIX)
    if path.exists():
        try:
            # To be written, too: who was killed may have left a journal that is to be rolled back.
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as con:
                con.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.DatabaseError as error:
            raise TrackingError(
                f"tracking.uri {uri}: {path} is no database: {error}", fix=FIX
            ) from error


def _shown(uri: str) -> str:
    return without_password(uri, uri)


def without_password(text: str, uri: str) -> str:
    """A text that may tell the URI, with stars for the URI's password.

    Parameters
    ----------
    text : str
    uri : str
        Libraries tell its password as it stands there or with its %XX resolved.
    """
    password = urlsplit(uri).password
    for told in (password, unquote(password)) if password else ():
        text = text.replace(f":{told}@", ":***@")
    return text
