"""What needs no server; tests/integration/api has the rest."""

from __future__ import annotations

from typing import Any

import pytest

from churn_mlops.api.mlflow_source import MlflowSource, proxied
from churn_mlops.params import Tracking


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("mlflow-artifacts:/1/abc/artifacts/model", "1/abc/artifacts/model"),
        ("mlflow-artifacts://host:5000/1/a%20b/model", "1/a b/model"),
        ("http://h/api/2.0/mlflow-artifacts/artifacts/1/abc/model", "1/abc/model"),
        ("https://h/prefix/api/2.0/mlflow-artifacts/artifacts/1/m/", "1/m"),
        ("s3://bucket/1/model", None),
        ("/srv/mlruns/1/model", None),
        ("file:///srv/mlruns/1/model", None),
        ("http://elsewhere/model", None),
    ],
)
def test_what_the_server_hands_out_itself(uri: str, path: str | None) -> None:
    assert proxied(uri) == path


def headers(source: MlflowSource) -> dict[str, str]:
    """The headers of a request as it would go out."""
    request = source._client.build_request("GET", "/x")
    flow = source._client.auth
    if flow is not None:
        request = next(flow.auth_flow(request))
    return dict(request.headers)


def test_the_log_in_comes_from_the_uri_or_the_environment(monkeypatch: Any) -> None:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    assert "authorization" not in headers(MlflowSource(Tracking(uri="http://h")))
    by_uri = MlflowSource(Tracking(uri="http://me:p%40ss@h:5000/base/"))
    assert headers(by_uri)["authorization"] == "Basic bWU6cEBzcw=="
    assert str(by_uri._client.base_url) == "http://h:5000/base/"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "p@ss")
    assert headers(MlflowSource(Tracking(uri="http://h")))["authorization"].startswith("Basic ")
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    assert headers(MlflowSource(Tracking(uri="http://h")))["authorization"] == "Bearer abc"
