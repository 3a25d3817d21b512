from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import ibis
import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from churn_mlops.api.schemas import ModelDescription, Problem, Readiness, ScoredUser
from churn_mlops.features.catalogue import features_contract
from churn_mlops.inference.predictions import predictions_contract, store_path
from churn_mlops.inference.user_store import write_store
from churn_mlops.params import Params
from tests.serving import ask, golden_request, workspace
from tests.trained import bundle


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_ready_names_the_model(tmp_path: Any) -> None:
    async def questions(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get("/ready"), await client.get("/health")]

    ready, health = ask(workspace(tmp_path), questions)
    assert ready.status_code == health.status_code == 200
    found = Readiness.model_validate_json(ready.content)
    assert (found.ready, found.stale, found.source) == (True, False, "folder")
    assert found.model_version == bundle("candidate").version
    assert health.json() == ready.json()


def test_model_describes_itself(tmp_path: Any) -> None:
    answer = ask(workspace(tmp_path), lambda client: client.get("/model"))
    model = ModelDescription.model_validate_json(answer.content)
    meta = bundle("candidate").meta
    assert [f.name for f in model.features] == list(meta.feature_names)
    plan = next(f for f in model.features if f.name == "plan")
    assert plan.categories == ["free", "pro"]
    watched = next(f for f in model.features if f.name == "watch_minutes_7d")
    assert (watched.unit, watched.minimum) == ("minutes", 0)
    assert watched.seen_maximum is not None
    assert model.metrics == meta.metrics
    assert model.card.startswith("# ")


def test_metrics_count_what_was_asked_by_template(tmp_path: Any) -> None:
    body, risk = golden_request()
    del body["features"]["logins_7d"]
    body["features"]["plan"] = "gold"

    async def questions(client: httpx.AsyncClient) -> str:
        for _ in range(3):
            await client.post("/predict", json=body)
        await client.post("/predict", content=b"{")
        await client.post("/predict/batch", json={"rows": [body] * 5})
        for place in range(50):
            await client.get(f"/nowhere/{place}")
            await client.get(f"/users/{place}")
            await client.request(f"ODD{place}", "/live")
        await client.get("/users/a%2Fb/c")
        return (await client.get("/metrics")).text

    text = ask(workspace(tmp_path), questions)
    found = samples(text)

    def requests(method: str, route: str, status: int) -> float:
        labels = (("method", method), ("route", route), ("status", str(status)))
        return found.get(("churn_api_requests_total", labels), 0)

    assert requests("POST", "/predict", 200) == 3
    assert requests("POST", "/predict", 415) == 1
    assert requests("GET", "unmatched", 404) == 50
    assert requests("GET", "/users/{user_id}", 503) == 51
    assert requests("OTHER", "/live", 405) + requests("OTHER", "unmatched", 405) == 50
    version = (("model_version", bundle("candidate").version),)
    assert found["churn_api_predictions_total", version] == 8
    assert found["churn_api_churn_risk_count", ()] == 8
    assert found["churn_api_churn_risk_sum", ()] == pytest.approx(8 * risk, abs=1)
    assert found["churn_api_imputed_features_total", (("feature", "logins_7d"),)] == 8
    assert found["churn_api_unseen_categories_total", (("feature", "plan"),)] == 8
    # The scrape itself is under way, nothing else.
    assert found["churn_api_in_flight_requests", ()] == 1
    buckets = (
        "churn_api_request_duration_seconds_bucket",
        (("le", "0.0005"), ("route", "/predict")),
    )
    assert buckets in found
    assert "nowhere" not in text


def test_metrics_can_have_a_port_of_their_own(tmp_path: Any) -> None:
    params = workspace(tmp_path, metrics_port=0)
    assert ask(params, lambda client: client.get("/metrics")).status_code == 404


def test_the_page_links_to_what_there_is(tmp_path: Any) -> None:
    async def questions(client: httpx.AsyncClient) -> tuple[str, list[int]]:
        page = (await client.get("/")).text
        links = [part.split('"')[0] for part in page.split('href="')[1:]]
        return page, [(await client.get(link)).status_code for link in links]

    page, statuses = ask(workspace(tmp_path), questions)
    assert bundle("candidate").version in page
    assert len(statuses) == 5
    assert set(statuses) == {200}


def test_a_request_id_goes_in_and_out_and_new_ones_differ(tmp_path: Any) -> None:
    async def questions(client: httpx.AsyncClient) -> list[str]:
        own = await client.get("/live", headers={"x-request-id": "mine/1"})
        others = [await client.get("/live") for _ in range(3)]
        return [answer.headers["x-request-id"] for answer in (own, *others)]

    own, *others = ask(workspace(tmp_path), questions)
    assert own == "mine/1"
    assert len(set(others)) == 3


def put_users(params: Params) -> None:
    """Two users in the store that the parameters name."""
    columns = {column.name: column for column in features_contract(params).columns}
    shape = predictions_contract(params, columns)
    day = date(2025, 4, 30)
    schema = ibis.schema(shape.types).to_pyarrow()
    given = {"as_of_date": day, "churn_risk": 0.75, "decision": "contact", "reason_3": None}
    rows = [
        {f.name: "text" if pa.types.is_string(f.type) else n for f in schema} | given
        for n in (1, 2)
    ]
    table = pa.Table.from_pylist(rows, schema=schema)
    write_store(table.to_batches(), shape, store_path(params), day, "text")


def test_a_user_of_the_latest_batch_is_found(tmp_path: Any) -> None:
    params = workspace(tmp_path)
    odd = ["/users/3", "/users/02", "/users/a%00b", "/users/%ff%fe", "/users/" + "9" * 3_000]

    async def questions(client: httpx.AsyncClient) -> tuple[Any, Any, list[httpx.Response]]:
        early = await client.get("/users/2")
        put_users(params)
        return early, await client.get("/users/2"), [await client.get(path) for path in odd]

    early, found, unknown = ask(params, questions)
    problem = Problem.model_validate_json(early.content)
    assert (early.status_code, early.headers["retry-after"]) == (503, "60")
    assert problem.type.endswith("no-predictions")
    assert problem.detail == "no batch predictions yet; run `churn batch-score`"
    assert problem.request_id == early.headers["x-request-id"]
    user = ScoredUser.model_validate_json(found.content)
    assert found.status_code == 200
    assert (user.user_id, user.as_of_date, user.churn_risk) == (2, date(2025, 4, 30), 0.75)
    assert user.reasons == ["text", "text"]
    assert {"days_since_last_activity", *params.features.static} <= set(found.json())
    assert {answer.status_code for answer in unknown} == {404}
    assert {answer.json()["type"].split(":")[-1] for answer in unknown} == {"unknown-user"}
    assert {answer.headers["content-type"] for answer in unknown} == {"application/problem+json"}


def test_a_damaged_store_is_a_503_that_says_so(tmp_path: Any) -> None:
    params = workspace(tmp_path)
    store_path(params).parent.mkdir(parents=True)
    store_path(params).write_text("no database")
    answer = ask(params, lambda client: client.get("/users/2"))
    assert answer.status_code == 503
    assert "not a sound store of predictions" in answer.json()["detail"]
