"""What the batch says about a user is what the API answers for the same row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from churn_mlops import engine
from churn_mlops.client import Client
from churn_mlops.features.catalogue import features_contract
from churn_mlops.features.eligibility import eligible
from churn_mlops.inference.predictions import store_path
from churn_mlops.inference.user_store import StoredUsers
from churn_mlops.params import Params
from churn_mlops.tables import scan
from tests.served import served
from tests.serving import scored_workspace
from tests.trained import bundle

pytestmark = pytest.mark.slow


def scored_day(params: Params) -> list[dict[str, Any]]:
    """The rows of user_features_daily that the latest batch has scored."""
    day = StoredUsers(store_path(params)).as_of_date
    with engine.connect(params) as con:
        table = scan(con, features_contract(params), params)
        today = table.filter(table.as_of_date == ibis.literal(day).cast("date"))
        found: pa.Table = eligible(today, params).to_pyarrow()
    return found.to_pylist()


@pytest.mark.parametrize("name", ["candidate", "baseline"])
def test_every_user_has_the_same_risk_online_and_offline(tmp_path: Path, name: str) -> None:
    params = scored_workspace(tmp_path, name)
    rows = scored_day(params)
    assert len(rows) > 50
    names = bundle(name).meta.feature_names
    asked = [{"user_id": row["user_id"], "features": {n: row[n] for n in names}} for row in rows]
    with served(params) as server, Client(server.address) as client:
        streamed = list(client.predict_stream(asked))
        for row, line in zip(asked, streamed, strict=True):
            offline = client.user(row["user_id"])
            online = client.predict(**row)
            assert online.churn_risk == pytest.approx(offline.churn_risk, abs=1e-6)
            assert online == line
            assert online.model_version == offline.model_version
            assert online.imputed == []
            if offline.decision == "contact":
                explained = client.predict(**row, explain=True)
                assert explained.reasons == offline.reasons
