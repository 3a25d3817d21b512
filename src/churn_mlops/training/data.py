"""The rows of one split in time, and those of its users that are kept for calibration."""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir

from churn_mlops.engine import Engine
from churn_mlops.features.catalogue import model_features
from churn_mlops.params import Params
from churn_mlops.training.calibrate import set_aside
from churn_mlops.training.leakage import Finding, check_leakage
from churn_mlops.training.rows import Rows, read_rows
from churn_mlops.training.split import Split, require_enough


@dataclass(frozen=True)
class Data:
    """The rows of one split: to fit on, to calibrate on (other users), to test on (later days)."""

    split: Split
    fit: Rows
    calibration: Rows
    test: Rows
    findings: list[Finding]


def read_data(con: Engine, table: ir.Table, split: Split, params: Params) -> Data:
    """Read the rows of a split and make sure that they can carry a training.

    Raises
    ------
    NotEnoughDataError, LeakageError
    """
    features = model_features(params)
    names = [feature.name for feature in features]
    train_rows = read_rows(con, table, names, split.train_days, params)
    test = read_rows(con, table, names, split.test_days, params)
    aside = set_aside(train_rows.users, params.training.calibration_share, params.training.seed)
    data = Data(
        split,
        train_rows.where(~aside),
        train_rows.where(aside),
        test,
        check_leakage(train_rows, test, features, params) if len(train_rows) and len(test) else [],
    )
    for part, rows in (("train", data.fit), ("calibration", data.calibration), ("test", test)):
        require_enough(rows.labels, part, split)
    return data
