"""Reaches object stores through fsspec: S3 and what speaks like it, or any other it knows."""

from __future__ import annotations

import os
from typing import Any

CONNECT_SECONDS = 5
READ_SECONDS = 20
TRIES = 5
"""Of a request, with growing pauses in between; `AWS_MAX_ATTEMPTS` says otherwise."""


class UnreachableError(Exception):
    """Nothing is installed that can reach a store, or nothing is called so; tells what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


def open_store(url: str) -> tuple[Any, str]:
    """Open the store that a URL or a path names.

    Credentials come by the usual chain of AWS: environment, files, the instance's or pod's role.
    `AWS_ENDPOINT_URL` names other stores. What fails for the moment is tried again.

    Parameters
    ----------
    url : str
        Such as ``s3://bucket/name``, or a folder.

    Returns
    -------
    fsspec file system
    str
        The place within it.

    Raises
    ------
    UnreachableError
        A package is missing, or there is no such protocol.
    """
    try:
        import fsspec

        filesystem, root = fsspec.core.url_to_fs(url, **_options(url))
    except ImportError as error:
        raise UnreachableError(str(error), "pip install 'churn-mlops[s3]'") from error
    except ValueError as error:
        raise UnreachableError(str(error), "a path, or s3://BUCKET/NAME") from error
    return filesystem, root


def _options(url: str) -> dict[str, Any]:
    if not url.startswith(("s3://", "s3a://")):
        return {}
    tries = int(os.environ.get("AWS_MAX_ATTEMPTS", TRIES))
    config = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"mode": os.environ.get("AWS_RETRY_MODE", "standard"), "max_attempts": tries},
    }
    # Another process may have written meanwhile: what was listed is asked for again.
    return {"use_listings_cache": False, "config_kwargs": config}
