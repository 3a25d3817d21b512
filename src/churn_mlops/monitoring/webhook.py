"""Posts JSON, once; says whether another try may help."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage, InvalidURL
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from churn_mlops import __version__
from churn_mlops.monitoring.attempts import RefusedError, TryAgainError
from churn_mlops.monitoring.message import one_line
from churn_mlops.monitoring.wire import address_and_login, hide, only_host, secrets_of, within

_SHOWN_CHARACTERS = 200
_READ_BYTES = 4_000
_LATER = {408, 425, 429}


class _Stays(HTTPRedirectHandler):
    """Follows nowhere: a POST that is redirected becomes a GET, which tells nobody anything."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def post(url: str, body: Mapping[str, Any], timeout_seconds: float) -> None:
    """Post a body as JSON; any answer of 2xx is a success.

    Parameters
    ----------
    url : str
        May carry ``user:password@``. Nothing but its host is shown in an error.
    body : mapping
    timeout_seconds : float
        For all of it, from looking the name up to the last byte of the answer.

    Raises
    ------
    TryAgainError
        No connection, no answer in time, 408, 425, 429 or 5xx.
    RefusedError
        Any other answer; a certificate that does not hold; an address that is none.
    """
    secrets = secrets_of(url)

    def where(why: str) -> str:
        return f"{only_host(url)}: {one_line(hide(why, secrets), _SHOWN_CHARACTERS)}"

    try:
        within(timeout_seconds, lambda: _post(url, body, timeout_seconds))
    except TryAgainError as error:
        raise TryAgainError(where(str(error)), error.after) from None
    except RefusedError as error:
        raise RefusedError(where(str(error))) from None
    except TimeoutError:
        raise TryAgainError(where(f"no answer within {timeout_seconds:g} s")) from None
    except URLError as error:
        reason = error.reason
        if isinstance(reason, TimeoutError):
            raise TryAgainError(where(f"no answer within {timeout_seconds:g} s")) from None
        if isinstance(reason, ssl.SSLError) and not isinstance(reason, ssl.SSLEOFError):
            raise RefusedError(where(f"no safe connection: {reason}")) from None
        kind = TryAgainError if isinstance(reason, OSError) else RefusedError
        raise kind(where(str(reason))) from None
    except (ValueError, InvalidURL) as error:
        raise RefusedError(where(str(error))) from None
    except (OSError, HTTPException) as error:
        raise TryAgainError(where(str(error) or type(error).__name__)) from None


def _post(url: str, body: Mapping[str, Any], timeout_seconds: float) -> None:
    address, user, password = address_and_login(url)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": f"churn-mlops/{__version__}",
    }
    if user is not None:
        login = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    request = Request(address, data, headers, method="POST")  # noqa: S310, the parameter's rule
    try:
        with build_opener(_Stays).open(request, timeout=timeout_seconds) as answer:
            answer.read(_READ_BYTES)
    except HTTPError as error:
        with error:
            said = error.read(_READ_BYTES).decode("utf-8", "replace").strip()
        why = f"it answers {error.code} {error.reason}" + (f": {said}" if said else "")
        if error.code in _LATER or error.code >= 500:
            raise TryAgainError(why, retry_after(error.headers.get("Retry-After"))) from None
        raise RefusedError(why) from None


def retry_after(header: str | None) -> float | None:
    """Seconds that a header Retry-After asks for; None when it is none or cannot be read."""
    if header is None:
        return None
    try:
        return max(float(int(header)), 0.0)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
    zoned = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max((zoned - datetime.now(UTC)).total_seconds(), 0.0)
