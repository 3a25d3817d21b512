from __future__ import annotations

from typing import Any

import httpx

from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from tests.serving import ask, running, workspace
from tests.trained import bundle, bundle_folder


def test_the_examples_work_when_pasted(tmp_path: Any) -> None:
    async def questions(client: httpx.AsyncClient) -> list[httpx.Response]:
        document = (await client.get("/openapi.json")).json()
        answers = []
        for path in ("/predict", "/predict/batch"):
            content = document["paths"][path]["post"]["requestBody"]["content"]
            example = content["application/json"]["example"]
            answers.append(await client.post(path, json=example))
        return answers

    assert [a.status_code for a in ask(workspace(tmp_path), questions)] == [200, 200]


def test_features_have_type_unit_and_meaning(tmp_path: Any) -> None:
    document = ask(workspace(tmp_path), lambda client: client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    features = schemas["Features"]
    assert list(features["properties"]) == list(bundle("candidate").meta.feature_names)
    assert features["additionalProperties"] is False
    assert "minutes" in str(features["properties"]["watch_minutes_7d"])
    # Every reference leads somewhere.
    for part in str(document).split("#/components/schemas/")[1:]:
        assert part.split("'")[0] in schemas


def test_a_document_without_a_model_says_what_there_is(tmp_path: Any) -> None:
    document = ask(
        workspace(tmp_path, champion=None), lambda client: client.get("/openapi.json")
    ).json()
    assert {"/live", "/ready", "/model"} <= set(document["paths"])


def test_another_champion_makes_another_document(tmp_path: Any) -> None:
    import asyncio

    params = workspace(tmp_path, "baseline", poll_seconds=0.05)

    async def questions() -> tuple[Any, Any]:
        async with running(params) as client:
            before = (await client.get("/openapi.json")).json()
            copy_bundle(bundle_folder("candidate"), production_folder(params))
            while (await client.get("/ready")).json()["model_version"] == bundle().version:
                await asyncio.sleep(0.05)
            return before, (await client.get("/openapi.json")).json()

    before, after = asyncio.run(questions())

    def example(document: Any) -> Any:
        body = document["paths"]["/predict"]["post"]["requestBody"]["content"]
        return body["application/json"]["example"]["features"]

    assert example(before) != example(after)
