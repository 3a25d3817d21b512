"""The champion of an MLflow server's registry, over its REST API.

MLflow's own client takes seconds to import, which a server that starts, or a worker that is
started anew, does not have; only artifacts that the server does not hand out itself are fetched
by it, in a process of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx

from churn_mlops.api.model_source import Named, SourceAwayError
from churn_mlops.api.tracker_source import TrackerSource
from churn_mlops.errors import BundleError
from churn_mlops.params import Tracking
from churn_mlops.registry.bundle import FILES, MEGABYTE
from churn_mlops.registry.champion import CHALLENGER, CHAMPION
from churn_mlops.registry.reachable import without_password
from churn_mlops.registry.shared_list import FILE, TAG, SharedList

API = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
# A server that is gone is noticed sooner than one that is slow.
CONNECT_SECONDS = 1.0
MOST_LIST_BYTES = 16 * 1024 * MEGABYTE
_AWAY = "start the server; until then the last good model serves"


class MlflowSource:
    """Asks an MLflow server.

    The user, the password or the token come from the URI or from MLflow's own environment
    variables, as do its TLS settings.

    Parameters
    ----------
    tracking : Tracking
        Its `uri` is http or https.
    """

    name = "mlflow"

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        parts = urlsplit(tracking.uri)
        place = parts.netloc.rpartition("@")[2]
        seconds = tracking.timeout_seconds
        self._client = httpx.Client(
            base_url=f"{parts.scheme}://{place}{parts.path.rstrip('/')}",
            auth=_login(parts.username, parts.password),
            headers=_token(),
            verify=_tls(),
            timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            follow_redirects=True,
        )
        self._tracker: TrackerSource | None = None

    def champion(self) -> Named | None:
        """The version that the alias champion names."""
        return self._by_alias(CHAMPION)

    def challenger(self) -> Named | None:
        """The version that the alias challenger names, unless it is the champion."""
        challenger = self._by_alias(CHALLENGER)
        return None if challenger == self.champion() else challenger

    def shared_list(self) -> SharedList | None:
        """The list that jobs have put beside the champion."""
        version = self._version(CHAMPION)
        return SharedList.of_tag(_tags(version).get(TAG)) if version else None

    def _by_alias(self, alias: str) -> Named | None:
        version = self._version(alias)
        if version is None:
            return None
        return Named.by_tags(self._tracking.model, int(version["version"]), _tags(version))

    def _version(self, alias: str) -> dict[str, Any] | None:
        asked = {"name": self._tracking.model, "alias": alias}
        found = self._ask(f"{API}/registered-models/alias", asked)
        return found["model_version"] if found else None

    def fetch_list(self, named: SharedList, to: Path) -> None:
        """Download the file of a list, which lies in the champion's run beside the bundle."""
        version = self._version(CHAMPION)
        path = proxied(self._place(int(version["version"]))) if version else None
        if path is None:
            raise BundleError(
                "lists come from MLflow servers that hand artifacts out themselves",
                fix="start it with --serve-artifacts",
            )
        beside = quote(f"{path.rpartition('/')[0]}/{named.folder}/{FILE}")
        self._download(f"{PROXY}/{beside}", to, MOST_LIST_BYTES)

    def fetch(self, named: Named, to: Path) -> None:
        """Download a version's files."""
        path = proxied(self._place(named.number))
        if path is None:
            self._tracker = self._tracker or TrackerSource(self._tracking)
            self._tracker.fetch(named, to)
            return
        for name, limit in FILES.items():
            self._download(f"{PROXY}/{quote(path)}/{name}", to / name, limit)

    def _place(self, number: int | None) -> str:
        asked = {"name": self._tracking.model, "version": str(number)}
        found = self._ask(f"{API}/model-versions/get-download-uri", asked)
        if not found:
            raise BundleError(f"the registry has no version {number} any more")
        return str(found["artifact_uri"])

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()
        if self._tracker is not None:
            self._tracker.close()

    def _ask(self, path: str, asked: dict[str, str]) -> dict[str, Any] | None:
        """The answer's body; None when the registry says that there is no such thing."""
        try:
            answer = self._client.get(path, params=asked)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._away(error) from error
        if answer.is_success and isinstance(body, dict):
            return body
        code = body.get("error_code") if isinstance(body, dict) else None
        # A model without the alias is "invalid", one that does not exist is "not there".
        if code == "RESOURCE_DOES_NOT_EXIST" or (
            code == "INVALID_PARAMETER_VALUE" and "alias" in str(body.get("message")).lower()
        ):
            return None
        raise self._away(f"HTTP {answer.status_code} {code or ''}".rstrip())

    def _download(self, path: str, to: Path, limit: int) -> None:
        size = 0
        try:
            with self._client.stream("GET", path) as answer:
                if answer.status_code == 404:
                    raise BundleError(f"the registry's artifacts lack {to.name}")
                answer.raise_for_status()
                with to.open("wb") as file:
                    for part in answer.iter_bytes():
                        size += len(part)
                        if size > limit:
                            raise BundleError(f"{to.name} is larger than {limit // MEGABYTE} MB")
                        file.write(part)
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _away(self, reason: object) -> SourceAwayError:
        uri = without_password(self._tracking.uri, self._tracking.uri)
        told = str(reason) or type(reason).__name__
        return SourceAwayError(f"the MLflow server at {uri} does not answer: {told}", fix=_AWAY)


def proxied(uri: str) -> str | None:
    """The path below the server's artifact proxy; None when the server does not hand it out."""
    parts = urlsplit(uri)
    if parts.scheme == "mlflow-artifacts":
        return unquote(parts.path).strip("/")
    if parts.scheme in ("http", "https") and PROXY in parts.path:
        return unquote(parts.path.partition(PROXY)[2]).strip("/")
    return None


def _tags(version: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in version.get("tags", [])}


def _login(user: str | None, password: str | None) -> tuple[str, str] | None:
    user = unquote(user) if user else os.environ.get("MLFLOW_TRACKING_USERNAME")
    word = unquote(password) if password else os.environ.get("MLFLOW_TRACKING_PASSWORD")
    return (user, word or "") if user else None


def _token() -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return {"authorization": f"Bearer {token}"} if token else {}


def _tls() -> Any:
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        return False
    authority = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH")
    if not authority:
        return True
    import ssl

    return ssl.create_default_context(cafile=authority)
