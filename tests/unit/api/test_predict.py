from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from churn_mlops.api.schemas import Prediction, Predictions
from tests.serving import ask, golden_request, whole_rows, workspace
from tests.trained import bundle

ARROW = "application/vnd.apache.arrow.stream"


@pytest.mark.parametrize("name", ["baseline", "candidate"])
def test_every_golden_row_gets_its_risk_in_every_way(name: str, tmp_path: Any) -> None:
    rows = [{"user_id": i, "features": row} for i, (row, _) in enumerate(whole_rows(name))]
    expected = [risk for _, risk in whole_rows(name)]
    # Python infers nothing from all nulls: the columns get the types of the features.
    kinds = {f.name: pa.string() if f.kind == "categorical" else pa.float64() for f in features()}
    columns = {n: pa.array([r["features"][n] for r in rows], t) for n, t in kinds.items()}
    table = pa.table({"user_id": pa.array([str(r["user_id"]) for r in rows]), **columns})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)

    async def questions(client: httpx.AsyncClient) -> tuple[Any, ...]:
        single = [await client.post("/predict", json=row) for row in rows]
        batch = await client.post("/predict/batch", json={"rows": rows})
        lines = "\n".join(json.dumps(row) for row in rows)
        streamed = await client.post(
            "/predict/batch", headers={"content-type": "application/x-ndjson"}, content=lines
        )
        columnar = await client.post(
            "/predict/batch", headers={"content-type": ARROW}, content=sink.getvalue()
        )
        return single, batch, streamed, columnar

    single, batch, streamed, columnar = ask(workspace(tmp_path, name), questions)
    ways = [
        [Prediction.model_validate_json(answer.content) for answer in single],
        Predictions.model_validate_json(batch.content).predictions,
        [Prediction.model_validate_json(line) for line in streamed.text.splitlines()],
    ]
    for found in ways:
        assert [p.user_id for p in found] == [r["user_id"] for r in rows]
        np.testing.assert_allclose([p.churn_risk for p in found], expected, atol=1e-6)
        assert {p.model_version for p in found} == {bundle(name).version}
        assert all(
            p.decision == ("contact" if p.churn_risk >= p.threshold else "none") for p in found
        )
    with pa.ipc.open_stream(columnar.content) as reader:
        answer = reader.read_all()
    np.testing.assert_allclose(answer["churn_risk"].to_numpy(), expected, atol=1e-6)
    assert answer["user_id"].to_pylist() == [str(r["user_id"]) for r in rows]
    assert answer.schema.metadata[b"model_version"].decode() == bundle(name).version
    assert answer["decision"].to_pylist() == [p.decision for p in ways[0]]


def features() -> Any:
    return bundle().meta.features


def test_what_is_imputed_odd_or_unseen_is_listed(tmp_path: Any) -> None:
    body, _ = golden_request()
    given = body["features"]
    del given["logins_7d"]
    given |= {"is_paid": None, "quiz_avg_score": None, "watch_minutes_7d": 1e9, "plan": "gold"}

    async def questions(client: httpx.AsyncClient) -> list[dict[str, Any]]:
        whole, _ = golden_request()
        return [(await client.post("/predict", json=each)).json() for each in (body, whole)]

    answer, before = ask(workspace(tmp_path), questions)
    # Training has seen days without a quiz: there, null is no gap.
    assert answer["imputed"] == ["logins_7d", "is_paid"]
    assert set(answer["out_of_range"]) - set(before["out_of_range"]) == {"watch_minutes_7d"}
    assert answer["unseen"] == ["plan"]


def test_a_value_that_is_left_out_is_the_default(tmp_path: Any) -> None:
    body, _ = golden_request()
    encoding = bundle("candidate").meta.encoding
    place = next(n for n in encoding.numeric if not n.missing and n.name.startswith("days_since"))
    without = {**body, "features": {k: v for k, v in body["features"].items() if k != place.name}}
    default = {**body, "features": {**body["features"], place.name: place.default}}

    async def questions(client: httpx.AsyncClient) -> list[float]:
        answers = [await client.post("/predict", json=b) for b in (without, default)]
        return [answer.json()["churn_risk"] for answer in answers]

    left_out, stated = ask(workspace(tmp_path), questions)
    assert left_out == stated


def test_reasons_come_when_asked_for(tmp_path: Any) -> None:
    risky = max(range(24), key=lambda place: bundle("candidate").golden[place][1])
    body, _ = golden_request(place=risky)

    async def questions(client: httpx.AsyncClient) -> tuple[Any, Any]:
        plain = await client.post("/predict", json=body)
        return plain.json(), (await client.post("/predict?explain=true", json=body)).json()

    plain, explained = ask(workspace(tmp_path), questions)
    assert "reasons" not in plain
    assert 1 <= len(explained["reasons"]) <= 3
    assert {k: v for k, v in explained.items() if k != "reasons"} == plain


def test_without_a_champion_the_answer_is_503_and_life_goes_on(tmp_path: Any) -> None:
    body, _ = golden_request()

    async def questions(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [
            await client.post("/predict", json=body),
            await client.get("/ready"),
            await client.get("/live"),
            await client.get("/model"),
            await client.get("/"),
        ]

    predict, ready, live, model, home = ask(workspace(tmp_path, champion=None), questions)
    assert predict.status_code == model.status_code == 503
    assert predict.json()["type"].endswith("no-model")
    assert predict.headers["retry-after"] == "5"
    assert ready.status_code == 503
    assert ready.json()["ready"] is False
    assert ready.json()["detail"]
    assert live.status_code == 200
    assert "No model answers yet" in home.text
