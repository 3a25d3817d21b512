"""Reaches object stores through fsspec: S3 and what speaks like it, or any other it knows."""

from __future__ import annotations

import os
from typing import Any

from churn_mlops.errors import ContractError, SourceError, cause

CONNECT_SECONDS = 5
READ_SECONDS = 20
TRIES = 5
"""Of a request, with growing pauses in between; `AWS_MAX_ATTEMPTS` says otherwise."""


class UnreachableError(SourceError):
    """Nothing is installed that can reach a store, or its protocol is unknown."""


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
        raise UnreachableError(str(error), fix="pip install 'churn-mlops[s3]'") from error
    except ValueError as error:
        raise UnreachableError(str(error), fix="a path, or s3://BUCKET/NAME") from error
    return filesystem, root


def _options(url: str) -> dict[str, Any]:
    if not url.startswith(("s3://", "s3a://")):
        return {}
    config = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        # "total", as AWS_MAX_ATTEMPTS counts: botocore's "max_attempts" leaves out the first.
        "retries": {
            "mode": os.environ.get("AWS_RETRY_MODE", "standard"),
            "total_max_attempts": int(os.environ.get("AWS_MAX_ATTEMPTS", TRIES)),
        },
    }
    # Another process may have written meanwhile: what was listed is asked for again.
    return {"use_listings_cache": False, "config_kwargs": config}


CHECK_STORE = "check the address, the credentials and AWS_ENDPOINT_URL"


def unreadable(url: str, error: Exception) -> ContractError:
    """What is wrong when a store does not give a table's files."""
    return ContractError(
        f"{url} cannot be read, after all tries: {cause(error)}",
        fix=f"{CHECK_STORE} and run the stage again",
    )


def unwritable(url: str, error: Exception) -> ContractError:
    """What is wrong when a store does not take a table's files."""
    return ContractError(
        f"{url} cannot be written, after all tries: {cause(error)}",
        fix=f"{CHECK_STORE}; the table is as it was",
    )
