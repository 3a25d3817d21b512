"""What the calls make of a client's answers; with a real client: `test_mlflow_registry`."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from churn_mlops.registry import mlflow_calls
from churn_mlops.registry.mlflow_calls import Connection, by_alias, by_version, register, versions


class Page(list):
    token = None


class Client:
    """A registry with twelve versions of every model."""

    def __init__(self, error=None):
        self.error = error
        self.tokens = []

    def get_registered_model(self, model, version=None):
        if self.error:
            from mlflow.exceptions import MlflowException
            from mlflow.protos.databricks_pb2 import ErrorCode

            raise MlflowException("told", ErrorCode.Value(self.error))
        return SimpleNamespace(aliases={"champion": "9", "before": 9, "lost": "99"})

    create_registered_model = get_model_version = get_registered_model

    def search_model_versions(self, words, max_results, page_token):
        self.tokens.append(page_token)
        start = int(page_token or 1)
        page = Page(
            SimpleNamespace(version=n, run_id=f"r{n}", tags={}, creation_timestamp=n)
            for n in range(start, min(start + max_results, 13))
        )
        page.token = str(start + max_results) if start + max_results < 13 else None
        return page


def link(client):
    return Connection(client, "sqlite:///x.db", "0")


def test_every_page_of_a_search_is_read(monkeypatch):
    monkeypatch.setattr(mlflow_calls, "PAGE", 5)
    client = Client()
    found = versions(link(client), "churn")
    assert client.tokens == [None, "6", "11"]
    # By number: 10 is newer than 9.
    assert [version["version"] for version in found] == [str(n) for n in range(12, 0, -1)]
    assert found[3]["aliases"] == ["before", "champion"]


def test_the_first_of_the_same_versions_counts():
    assert register(link(Client()), "churn", "r", "model", {"bundle_sha256": "0"}) == {
        "version": "1"
    }


@pytest.mark.parametrize(
    "call", [lambda to: by_alias(to, "churn", "champion"), lambda to: by_version(to, "churn", "1")]
)
def test_only_what_is_missing_is_none(call):
    from mlflow.exceptions import MlflowException

    assert call(link(Client("RESOURCE_DOES_NOT_EXIST"))) is None
    with pytest.raises(MlflowException, match="told"):
        call(link(Client("PERMISSION_DENIED")))


def test_a_model_that_cannot_be_made_is_an_error():
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="told"):
        register(link(Client("PERMISSION_DENIED")), "churn", "r", "model", {"bundle_sha256": "0"})
