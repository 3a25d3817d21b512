"""What every delivery over the network needs: an end in time, and URLs that keep their secrets."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Iterable
from urllib.parse import unquote, urlsplit, urlunsplit

HIDDEN = "***"
_SHORTEST_SECRET = 4


def without_secrets(url: str) -> str:
    """A URL that may be shown."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"


def address_and_login(url: str) -> tuple[str, str | None, str | None]:
    """A URL without its name and password, and both of them; ValueError when it is none."""
    parts = urlsplit(url)
    user = None if parts.username is None else unquote(parts.username)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=place)), user, unquote(parts.password or "")


def only_host(url: str) -> str:
    """Scheme and host of a URL whose path is a secret, too."""
    scheme, _, place = without_secrets(url).partition("://")
    return f"{scheme}://{place.partition('/')[0].partition('?')[0].partition('#')[0]}"


def secrets_of(url: str) -> set[str]:
    """What of a URL must not be shown: the login, and everything after the host."""
    rest = url.partition("://")[2]
    login, _, place = rest.rpartition("@") if "@" in rest.partition("/")[0] else ("", "", rest)
    _, slash, path = place.partition("/")
    found = {*login.split(":"), login, slash + path, path}
    found |= set(re.split(r"[/?&=#]", path))
    found |= {unquote(part) for part in found}
    return {part for part in found if len(part) >= _SHORTEST_SECRET}


def hide(text: str, secrets: Iterable[str]) -> str:
    """A text in which every secret is replaced, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def within(seconds: float, call: Callable[[], None]) -> None:
    """Call, and raise TimeoutError after so long.

    A socket's timeout bounds each of its steps, not their sum, and not the search for a name.
    """
    ended: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            call()
        except Exception as error:
            ended.put(error)
        else:
            ended.put(None)

    threading.Thread(target=run, daemon=True, name="delivery").start()
    try:
        error = ended.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
