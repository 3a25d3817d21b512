"""Stage build_training_set: mature and eligible rows, features beside their label."""

from __future__ import annotations

import ibis.expr.types as ir

from churn_mlops import engine
from churn_mlops.data.bad_days import read_bad_days, spoiled
from churn_mlops.errors import NotEnoughDataError
from churn_mlops.features.catalogue import features_contract
from churn_mlops.features.eligibility import eligible
from churn_mlops.params import Params
from churn_mlops.progress import steps
from churn_mlops.summary import Summary
from churn_mlops.tables import Column, Contract, Writer, contracts, scan
from churn_mlops.tables.parts import hold, user_ranges


def dataset_contract(params: Params) -> Contract:
    """The table training_dataset: all features and the label."""
    columns = [c for c in features_contract(params).columns if c.name != "is_eligible"]
    label = Column("churn_label", "int8", False, "0/1", "1: left within the horizon", 0, 1)
    return Contract(
        "training_dataset",
        "features",
        ("user_id", "as_of_date"),
        (*columns, label),
        parts=True,
        day="as_of_date",
    )


def build_training_set(features: ir.Table, labels: ir.Table, params: Params) -> ir.Table:
    """Join the eligible rows of user_features_daily with labels_daily; unordered."""
    rows = eligible(features, params)
    label = labels.select("user_id", "as_of_date", "churn_label")
    return rows.join(label, ["user_id", "as_of_date"]).select(*dataset_contract(params).names)


def run(params: Params) -> Summary:
    """Read user_features_daily and labels_daily, write training_dataset."""
    contract = dataset_contract(params)
    with engine.connect(params) as con:
        features = scan(con, features_contract(params), params)
        labels, left_out = learnable(con, scan(con, contracts.labels_daily(params), params), params)
        users = labels.select("user_id").distinct()
        days = engine.value(con, labels.as_of_date.nunique())
        ranges = user_ranges(con, users, days, params)
        features = hold(con, eligible_first(features), ranges, params)
        labels = hold(con, labels, ranges, params)
        with Writer(contract, params) as out, steps("build_training_set", len(ranges)) as step:
            for part in ranges:
                table = build_training_set(part.of(features), part.of(labels), params)
                out.append(con, contract.sorted(table))
                step(str(part))
            if out.rows == 0:
                raise NotEnoughDataError(
                    "no mature row is eligible:"
                    f" churn.active_within_days = {params.churn.active_within_days},"
                    f" churn.within_subscription = {params.churn.within_subscription}"
                    + (f"; {left_out:,} rows are left out for bad days" if left_out else ""),
                    fix="loosen these or bring more days of data; data/raw/bad_days.json lists the"
                    " bad days",
                )
    facts = {"left out for bad days": left_out} if left_out else {}
    return Summary("build_training_set", {contract.name: out.rows}, [out.path], facts)


def learnable(con: engine.Engine, labels: ir.Table, params: Params) -> tuple[ir.Table, int]:
    """Leave out the labels of days that bad days have spoiled, and count them."""
    days = sorted(spoiled(read_bad_days(params), params))
    if not days:
        return labels, 0
    bad = labels.as_of_date.isin(days)
    return labels.filter(~bad), int(engine.value(con, labels.filter(bad).count()))


def eligible_first(features: ir.Table) -> ir.Table:
    """Keep eligible rows with their flag, so that less is held in the engine."""
    return features.filter(features.is_eligible == 1)
