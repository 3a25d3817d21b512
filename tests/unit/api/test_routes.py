from __future__ import annotations

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from churn_mlops.api.schemas import ModelDescription, Readiness
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
        return (await client.get("/metrics")).text

    text = ask(workspace(tmp_path), questions)
    found = samples(text)

    def requests(method: str, route: str, status: int) -> float:
        labels = (("method", method), ("route", route), ("status", str(status)))
        return found.get(("churn_api_requests_total", labels), 0)

    assert requests("POST", "/predict", 200) == 3
    assert requests("POST", "/predict", 415) == 1
    assert requests("GET", "unmatched", 404) == 50
    assert requests("GET", "/users/{user_id}", 503) == 50
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
