"""The stages that run on a cluster, one after the other in this process, on either engine."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from churn_mlops.data import generate_data, prepare_dataset, validate
from churn_mlops.features import build_features
from churn_mlops.features.catalogue import features_contract
from churn_mlops.params import Params
from churn_mlops.tables import Contract, contracts
from churn_mlops.training import build_labels, build_training_set
from churn_mlops.training.build_training_set import dataset_contract

STAGES = (validate, prepare_dataset, build_features, build_labels, build_training_set)


@dataclass(frozen=True)
class On:
    """An engine and a place for tables."""

    engine: str = "duckdb"
    master: str = "local[2]"
    location: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the workers."""


def at(params: Params, folder: Path, on: On) -> Params:
    """The parameters for a folder and an engine."""
    tree: dict[str, Any] = params.model_dump()
    tree["paths"] = {"data": str(folder / "data"), "artifacts": str(folder / "artifacts")}
    tree["tables"] = {"format": params.tables.format, "location": on.location}
    tree["engine"] = on.engine
    # Small tables and short lives: Java's second compiler would take longer than the work.
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    conf = {
        "spark.executor.memory": "768m",
        "spark.sql.shuffle.partitions": "4",
        "spark.task.maxFailures": "2",
        "spark.driver.extraJavaOptions": java,
        "spark.executor.extraJavaOptions": java,
        **{f"spark.executorEnv.{name}": value for name, value in on.environment.items()},
    }
    tree["spark"] = {"master": on.master, "conf": conf}
    return Params.model_validate(tree)


def generate(params: Params) -> None:
    """Bring the raw tables in."""
    generate_data.run(params)


def same_raw(source: Params, target: Params) -> None:
    """Give one folder the raw tables of another."""
    shutil.copytree(Path(source.paths.data) / "raw", Path(target.paths.data) / "raw")


def build(params: Params) -> None:
    """All stages up to the training set."""
    for stage in STAGES:
        stage.run(params)


def tables(params: Params) -> list[Contract]:
    """What these stages write."""
    made = [getattr(contracts, name)(params, "processed") for name in
            ("users", "events", "subscriptions")]  # fmt: skip
    quarantine = [
        validate.quarantine_contract(getattr(contracts, name)(params))
        for name in ("users", "events")
    ]
    daily = [contracts.user_daily(params), contracts.labels_daily(params)]
    return [*quarantine, *made, *daily, features_contract(params), dataset_contract(params)]
