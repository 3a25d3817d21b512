"""What the real-time API is compared with, each a server of its own.

Usage: python benchmarks/api_peers.py NAME PORT WORKSPACE

`bare`             FastAPI: parses and checks the same body with the same class, answers a
                   constant; no model
`bare-response`    the same with response_model, as FastAPI's documentation has it
`sklearn-logistic` scikit-learn pipeline behind the same route: imputer, scaler, one-hot and a
                   logistic regression, fed with a pandas DataFrame of one row
`sklearn-boosted`  the same with gradient boosted trees

All run on uvicorn with uvloop and httptools, without an access log, as `churn serve` does.
"""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field, create_model

from churn_mlops.api.intake import request_class
from churn_mlops.api.schemas import Prediction
from churn_mlops.registry.bundle import Bundle, load_bundle

TRAINING_ROWS = 20_000


def body_class(bundle: Bundle) -> Any:
    """The API's own class of a request, but for the date.

    FastAPI parses JSON first and checks the values afterwards; a strict date is refused there.
    """
    loose = (date | None, Field(default=None, strict=False))
    return create_model("Body", __base__=request_class(bundle.meta), snapshot_date=loose)


def bare(bundle: Bundle, described: bool) -> FastAPI:
    """FastAPI with the same body and a constant answer; no model."""
    app = FastAPI()
    body = body_class(bundle)
    constant = answer(bundle.version, 0.5)

    async def predict(asked: body) -> Any:
        return {"user_id": asked.user_id, "snapshot_date": asked.snapshot_date, **constant}

    app.add_api_route(
        "/predict",
        predict,
        methods=["POST"],
        response_model=Prediction if described else None,
        response_model_exclude_none=described,
    )
    return ready(app)


def scikit_learn(bundle: Bundle, workspace: Path, estimator: Any) -> FastAPI:
    """A scikit-learn pipeline, asked with a DataFrame of one row."""
    import pandas as pd

    model = fitted(bundle, workspace, estimator)
    names = list(bundle.meta.feature_names)
    app = FastAPI()
    body: type[BaseModel] = body_class(bundle)

    async def predict(asked: body) -> Any:
        frame = pd.DataFrame([asked.features], columns=names)
        risk = float(model.predict_proba(frame)[0, 1])
        return {
            "user_id": asked.user_id,
            "snapshot_date": asked.snapshot_date,
            **answer(bundle.version, round(risk, 6)),
        }

    app.add_api_route(
        "/predict",
        predict,
        methods=["POST"],
        response_model=Prediction,
        response_model_exclude_none=True,
    )
    return ready(app)


def fitted(bundle: Bundle, workspace: Path, estimator: Any) -> Any:
    """Fit a pipeline on a sample of the training table."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = pd.read_csv(workspace / "data/features/training_dataset.csv")
    table = table.sample(min(TRAINING_ROWS, len(table)), random_state=0)
    kinds = {feature.name: feature.kind for feature in bundle.meta.features}
    numeric = [name for name, kind in kinds.items() if kind == "numeric"]
    categorical = [name for name, kind in kinds.items() if kind == "categorical"]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("categories", OneHotEncoder(handle_unknown="ignore"), categorical),
        ]
    )
    pipeline = make_pipeline(columns, estimator)
    return pipeline.fit(table[list(kinds)], table["churn_label"])


def answer(version: str, risk: float) -> dict[str, Any]:
    """An answer as the API gives it, but for whom it is about."""
    return {
        "churn_risk": risk,
        "decision": "contact" if risk >= 0.5 else "none",
        "threshold": 0.5,
        "model_version": version,
        "imputed": [],
        "out_of_range": [],
        "unseen": [],
    }


def ready(app: FastAPI) -> FastAPI:
    """Add what tells that the server listens."""

    async def tell() -> dict[str, bool]:
        return {"ready": True}

    app.add_api_route("/ready", tell)
    return app


async def minimal(scope: Any, receive: Any, send: Any) -> None:
    """The smallest ASGI application: every request is answered with two bytes."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


def save_for_mlflow(workspace: Path, folder: Path) -> list[float | None]:
    """Save the champion's model.onnx as MLflow does.

    Returns
    -------
    list of float
        The first golden row as the model's matrix has it; missing values are None.
    """
    import mlflow.onnx
    import numpy as np
    import onnx
    from mlflow.models import infer_signature

    bundle = load_bundle(workspace / "artifacts/production")
    matrix = bundle.encode_rows([bundle.golden[0][0]])
    signature = infer_signature(matrix, {"churn_risk": bundle.score(matrix).astype(np.float32)})
    model = onnx.load(workspace / "artifacts/production/model.onnx")
    mlflow.onnx.save_model(model, str(folder), signature=signature, pip_requirements=[])
    return [None if np.isnan(value) else float(value) for value in matrix[0]]


def application(name: str, workspace: Path) -> FastAPI:
    """Make a peer."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    bundle = load_bundle(workspace / "artifacts/production")
    made: dict[str, Callable[[], FastAPI]] = {
        "bare": lambda: bare(bundle, described=False),
        "bare-response": lambda: bare(bundle, described=True),
        "sklearn-logistic": lambda: scikit_learn(
            bundle, workspace, LogisticRegression(max_iter=1_000)
        ),
        "sklearn-boosted": lambda: scikit_learn(
            bundle, workspace, HistGradientBoostingClassifier(max_iter=300)
        ),
    }
    return made[name]()


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[1], Path(sys.argv[3])),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
