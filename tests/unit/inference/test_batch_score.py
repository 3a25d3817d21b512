from __future__ import annotations

import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from churn_mlops import engine
from churn_mlops.api.users import UserStore
from churn_mlops.errors import BundleError, ChurnError, NotEnoughDataError
from churn_mlops.features.catalogue import features_contract
from churn_mlops.inference import batch_score
from churn_mlops.inference.batch_score import choose_day, require_fit
from churn_mlops.inference.decision import expected_profit, held_out
from churn_mlops.inference.kept import kept as kept_batches
from churn_mlops.inference.predictions import REASONS, latest_path, store_path
from churn_mlops.inference.user_store import StoredUsers
from churn_mlops.params import Params
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from churn_mlops.tables import write
from tests.made_up import FIRST, features
from tests.trained import bundle, bundle_folder, trained

LAST = FIRST + timedelta(days=59)


def scoring_params(folder, model="baseline", **over):
    """Parameters of an empty folder with a champion."""
    tree = trained()[0].model_dump()
    tree["paths"] = {"data": str(folder / "data"), "artifacts": str(folder / "artifacts")}
    for section, values in over.items():
        tree[section] |= values
    params = Params.model_validate(tree)
    copy_bundle(bundle_folder(model), production_folder(params))
    return params


def put(table, params):
    with engine.connect(params) as con:
        write(con, table, features_contract(params), params)


@pytest.fixture(scope="module")
def table():
    made, _ = features(trained()[0], users=400, days=3, seed=11)
    return made


@pytest.fixture(
    scope="module", params=[("csv", "baseline"), ("parquet", "candidate"), ("csv", "candidate")]
)
def scored(request, tmp_path_factory, table):
    form, model = request.param
    params = scoring_params(
        tmp_path_factory.mktemp("scored"),
        model,
        tables={"format": form},
        scoring={"batch_rows": 37, "top_k": 25},
    )
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(len(table))))
    put(shuffled, params)
    return params, batch_score.run(params), form, bundle(model)


def read(path):
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def test_each_score_is_that_of_the_users_own_row(scored, table):
    _, summary, _, model = scored
    found = read(summary.outputs[0]).set_index("user_id")
    day = [d == FIRST + timedelta(days=2) for d in table["as_of_date"].to_pylist()]
    rows = [row for row, keep in zip(table.to_pylist(), day, strict=True) if keep]
    eligible = [row for row in rows if row["is_eligible"]]
    assert set(found.index) == {row["user_id"] for row in eligible}
    for row in eligible:
        alone = model.score(model.encode_rows([row]))[0]
        assert found.loc[row["user_id"], "churn_risk"] == round(float(alone), 6)


def test_ranks_are_dense_and_ties_follow_the_user_id(scored):
    found = read(scored[1].outputs[0])
    assert found.risk_rank.tolist() == list(range(1, len(found) + 1))
    order = found.sort_values(["churn_risk", "user_id"], ascending=[False, True])
    assert order.index.tolist() == list(range(len(found)))


def test_list_latest_and_decisions_belong_together(scored):
    params, summary, ending, model = scored
    everybody, top, latest, _, kept = summary.outputs
    assert kept.name == f"2025-01-03_{model.version}.parquet"
    assert top.name == f"churn_top_25_2025-01-03.{ending}"
    assert everybody.read_bytes() == latest.read_bytes()
    found, listed = read(everybody), read(top)
    pd.testing.assert_frame_equal(found.head(25), listed)
    assert (found.decision == np.where(found.risk_rank <= 25, "contact", "none")).all()
    assert (found.model_version.astype(str) == model.version).all()
    assert found.reason_1.head(25).notna().any()
    assert found[["reason_1", "reason_2", "reason_3"]].iloc[25:].isna().all().all()
    assert summary.rows == {"predictions": len(found), "contacts": 25}
    assert not [p for p in latest.parent.iterdir() if p.name.startswith(".")]
    assert params.scoring.top_k == 25


def test_every_user_is_found_in_the_store_as_in_the_table(scored):
    params, summary, _, model = scored
    assert summary.outputs[3] == store_path(params)
    found, store = read(summary.outputs[2]), UserStore(store_path(params))
    for row in found.astype(object).where(found.notna(), None).to_dict("records"):
        reasons = [row.pop(name) for name in REASONS]
        shown = store.get(str(row["user_id"]))
        assert shown.pop("reasons") == [reason for reason in reasons if reason is not None]
        assert shown == row | {
            "as_of_date": str(row["as_of_date"]),
            "model_version": model.version,
        }
    stored = StoredUsers(store_path(params))
    stored.check()
    assert (stored.count, stored.model_version) == (len(found), model.version)
    assert stored.as_of_date == FIRST + timedelta(days=2)
    # A user whom nobody predicted is in neither.
    assert store.get(str(found.user_id.max() + 1)) is None


def test_when_the_store_cannot_be_written_the_latest_table_stays(tmp_path, table):
    params = scoring_params(tmp_path)
    put(table, params)
    batch_score.run(asked_for(params, FIRST))
    before = latest_path(params).read_bytes()
    store_path(params).unlink()
    (store_path(params) / "taken").mkdir(parents=True)
    with pytest.raises(ChurnError, match="cannot be written"):
        batch_score.run(params)
    assert latest_path(params).read_bytes() == before
    assert not [p for p in latest_path(params).parent.iterdir() if p.name.startswith(".")]


def test_both_formats_and_any_batch_size_give_the_same(tmp_path, table):
    results = []
    for form, size in (("csv", 10_000), ("parquet", 11)):
        folder = tmp_path / form
        scoring = {"batch_rows": size, "reasons_for": "everybody"}
        params = scoring_params(folder, tables={"format": form}, scoring=scoring)
        put(table, params)
        results.append(read(batch_score.run(params).outputs[0]))
    columns = ["user_id", "churn_risk", "risk_rank", "reason_1", "reason_2", "reason_3"]
    left, right = (r[columns].astype(object).where(r[columns].notna(), None) for r in results)
    pd.testing.assert_frame_equal(left, right)


def test_ties_break_by_user_id(tmp_path, table):
    params = scoring_params(tmp_path)
    row = table.slice(0, 1)
    twins = pa.concat_tables([row] * 12)
    ids = pa.array(np.random.default_rng(1).permutation(np.arange(1, 13)))
    twins = twins.set_column(0, "user_id", ids)
    flag = twins.schema.get_field_index("is_eligible")
    put(twins.set_column(flag, "is_eligible", pa.array(np.ones(12, np.int8))), params)
    found = read(batch_score.run(params, top_k=5).outputs[0])
    assert found.user_id.tolist() == list(range(1, 13))
    assert found.decision.tolist() == ["contact"] * 5 + ["none"] * 7


def test_text_ids_keep_their_zeros(tmp_path):
    params = scoring_params(tmp_path, data={"user_id": "text"})
    made, _ = features(params, users=30, days=1)
    put(made, params)
    found = pd.read_csv(batch_score.run(params).outputs[0], dtype=str)
    assert found.user_id.str.fullmatch(r"u\d{6}").all()
    store = UserStore(store_path(params))
    assert [store.get(user)["user_id"] for user in found.user_id] == found.user_id.tolist()


def day_of(table, n):
    """The users of the n-th day by id."""
    wanted = FIRST + timedelta(days=n)
    return {row["user_id"]: row for row in table.to_pylist() if row["as_of_date"] == wanted}


@pytest.mark.parametrize("model", ["baseline", "candidate"])
def test_reasons_are_those_of_the_users_own_row(tmp_path, table, model):
    from churn_mlops.inference.explain import Explainer

    params = scoring_params(tmp_path, model, scoring={"batch_rows": 13, "top_k": 30})
    put(table, params)
    found = read(batch_score.run(params).outputs[0])
    users, scorer = day_of(table, 2), bundle(model)
    explainer = Explainer(scorer.meta)
    for _, line in found.head(30).iterrows():
        row = users[line.user_id]
        columns = {n: np.array([row[n]], dtype=object) for n in scorer.meta.feature_names}
        matrix = scorer.encode_rows([row])
        said = explainer.reasons(matrix, columns, scorer.score(matrix))
        for place, texts in enumerate(said, start=1):
            written = line[f"reason_{place}"]
            assert texts[0] == (None if pd.isna(written) else written)


def test_everybody_gets_reasons_when_asked_for(tmp_path, table):
    params = scoring_params(
        tmp_path, scoring={"reasons_for": "everybody", "top_k": 5, "batch_rows": 100}
    )
    put(table, params)
    found = read(batch_score.run(params).outputs[0])
    assert found.reason_1.iloc[5:].notna().any()
    assert (found.decision == np.where(found.risk_rank <= 5, "contact", "none")).all()


def test_some_on_the_list_are_left_alone_by_day_and_id(tmp_path, table):
    params = scoring_params(tmp_path, scoring={"top_k": 120, "holdout_share": 0.3})
    put(table, params)
    summary = batch_score.run(params)
    everybody, listed = read(summary.outputs[0]), read(summary.outputs[1])
    assert set(listed.decision) == {"contact", "hold_out"}
    assert summary.rows["contacts"] == len(listed) == 120
    aside = held_out(listed.user_id.tolist(), "2025-01-03", 0.3)
    assert (listed.decision == np.where(aside, "hold_out", "contact")).all()
    assert (everybody.decision.iloc[120:] == "none").all()
    # Those left alone have a rank and reasons like the others.
    assert listed.risk_rank.tolist() == list(range(1, 121))
    assert listed.reason_1[listed.decision == "hold_out"].notna().any()


VALUE = {"customer_value": 100.0, "contact_cost": 1.0, "offer_cost": 4.0, "success_rate": 0.3}


def test_with_a_value_the_list_ends_where_a_contact_no_longer_pays(tmp_path, table):
    params = scoring_params(tmp_path, scoring={"value": VALUE, "holdout_share": 0.2})
    put(table, params)
    summary = batch_score.run(params)
    found = read(summary.outputs[0])
    assert summary.outputs[1].name == "churn_top_value_2025-01-03.csv"
    limit = 5 / (0.3 * 96 - 1 + 5)
    listed = found[found.decision != "none"]
    assert 0 < len(listed) < len(found)
    assert (listed.churn_risk > limit).all()
    assert (found.churn_risk[found.decision == "none"] <= limit).all()
    contacted = found.churn_risk[found.decision == "contact"].to_numpy()
    assert len(contacted) < len(listed)
    profit = expected_profit(contacted, params.scoring.value).sum()
    assert summary.facts["expected_profit"] == f"{profit:.2f}"


def test_a_budget_shortens_the_list(tmp_path, table):
    params = scoring_params(tmp_path, scoring={"value": VALUE | {"budget": 30.0}})
    put(table, params)
    found = read(batch_score.run(params).outputs[0])
    risks = found.churn_risk.to_numpy()
    costs = np.cumsum(1 + 4 * (risks * 0.3 + 1 - risks))
    assert (found.decision == "contact").sum() == (costs <= 30).sum() > 0


def test_when_nothing_pays_the_list_is_empty_and_still_written(tmp_path, table):
    never = {"customer_value": 1.0, "contact_cost": 50.0}
    params = scoring_params(tmp_path, scoring={"value": never})
    put(table, params)
    summary = batch_score.run(params)
    assert summary.rows["contacts"] == 0
    assert len(read(summary.outputs[1])) == 0
    found = read(summary.outputs[0])
    assert (found.decision == "none").all()
    assert found.reason_1.isna().all()


def test_without_a_champion_the_way_is_named(tmp_path, table):
    import shutil

    params = scoring_params(tmp_path)
    shutil.rmtree(production_folder(params))
    with pytest.raises(BundleError, match="no champion"):
        batch_score.run(params)


def test_a_description_of_another_model_writes_nothing(tmp_path, table, monkeypatch):
    """The golden rows do not look at the description: the reasons do, before anything is told."""
    import dataclasses

    params = scoring_params(tmp_path)
    put(table, params)
    meta = bundle().meta
    linear = meta.linear.model_copy(update={"intercept": meta.linear.intercept + 1})
    foreign = dataclasses.replace(bundle(), meta=meta.model_copy(update={"linear": linear}))
    monkeypatch.setattr(batch_score, "load_champion", lambda _: foreign)
    with pytest.raises(BundleError, match="belongs to another model"):
        batch_score.run(params)
    assert not (tmp_path / "data/predictions").exists()


def asked_for(params, day):
    """The parameters with a day to score."""
    scoring = params.scoring.model_copy(update={"as_of_date": day})
    return params.model_copy(update={"scoring": scoring})


def restated(table):
    """The table as if rows had come late: some numbers are other ones."""
    place = table.schema.get_field_index("days_since_last_activity")
    values = table.column(place).to_numpy() + 3
    return table.set_column(place, table.field(place), pa.array(values, table.field(place).type))


def files_of(params):
    """What people and commands read as the latest predictions, and all that is kept."""
    kept = {one.path: one.path.read_bytes() for one in kept_batches(params)}
    return latest_path(params).read_bytes(), store_path(params).read_bytes(), kept


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_looking_back_takes_nothings_place(tmp_path, table, form):
    params = scoring_params(tmp_path, tables={"format": form})
    first = table.filter(pa.array([d == FIRST for d in table["as_of_date"].to_pylist()]))
    put(first, params)
    batch_score.run(params)
    put(restated(table), params)
    batch_score.run(params)
    before = files_of(params)
    summary = batch_score.run(params, as_of_date=FIRST)
    assert files_of(params) == before
    assert len(before[2]) == 2
    assert [path.name for path in summary.outputs] == [
        f"churn_predictions_{FIRST}.{form}",
        f"churn_top_100_{FIRST}.{form}",
    ]
    assert "runs to 2025-01-03" in summary.facts["latest"]
    assert summary.facts["kept"] == "what was predicted then stays"


def test_a_past_day_that_nobody_scored_is_kept_now(tmp_path, table):
    params = scoring_params(tmp_path)
    put(table, params)
    summary = batch_score.run(params, as_of_date=FIRST)
    assert [one.path for one in kept_batches(params)] == summary.outputs[2:]
    assert "kept" not in summary.facts
    assert not latest_path(params).exists()
    assert not store_path(params).exists()


def test_a_day_that_the_parameters_ask_for_is_the_latest_and_its_forecast_stays(tmp_path, table):
    params = scoring_params(tmp_path)
    put(table, params)
    asked = asked_for(params, FIRST)
    batch_score.run(asked)
    (one,) = kept_batches(params)
    before = one.path.read_bytes()
    put(restated(table), params)
    summary = batch_score.run(asked)
    assert latest_path(params) in summary.outputs
    assert latest_path(params).read_bytes() == summary.outputs[0].read_bytes()
    assert StoredUsers(store_path(params)).as_of_date == FIRST
    assert "latest" not in summary.facts
    assert one.path.read_bytes() == before


def test_the_last_day_again_replaces_its_list(tmp_path, table):
    params = scoring_params(tmp_path)
    put(table, params)
    batch_score.run(params)
    before = files_of(params)
    put(restated(table), params)
    with latest_path(params).open("rb") as old:
        summary = batch_score.run(params, as_of_date=FIRST + timedelta(days=2))
        assert old.read() == before[0], "a table that is open stays what it was"
    after = files_of(params)
    assert before[0] != after[0]
    assert before[2].keys() == after[2].keys()
    assert before[2] != after[2]
    assert summary.facts.keys() == {"as_of_date", "model_version"}


def test_an_earlier_day_and_a_longer_list_can_be_asked_for(tmp_path, table):
    params = scoring_params(tmp_path)
    put(table, params)
    summary = batch_score.run(params, as_of_date=FIRST, top_k=10_000)
    assert summary.rows["contacts"] == summary.rows["predictions"]
    assert set(read(summary.outputs[0]).as_of_date.astype(str)) == {FIRST.isoformat()}
    assert summary.outputs[1].name == f"churn_top_10000_{FIRST}.csv"


@pytest.mark.parametrize(
    ("counts", "wanted", "words"),
    [
        ({FIRST: 3, LAST: 2}, date(2025, 1, 20), "not in user_features_daily.*2025-01-01 and"),
        ({FIRST: 3}, date(2030, 1, 1), "nearest with eligible users: 2025-01-01"),
        ({FIRST: 3, LAST: 0}, None, "has no eligible user"),
        ({FIRST: 0}, None, "no eligible user on any day"),
    ],
)
def test_an_impossible_day_names_possible_ones(counts, wanted, words):
    with pytest.raises(NotEnoughDataError) as caught:
        choose_day(counts, wanted)
    import re

    assert re.search(words, str(caught.value).replace("\n", " "))


def test_the_last_day_is_the_default():
    assert choose_day({FIRST: 1, LAST: 2}, None) == LAST
    assert choose_day({FIRST: 1, LAST: 2}, FIRST) == FIRST


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"features": {"windows_days": (7, 21)}}, "differ in"),
        ({"churn": {"window_days": 14}}, r"window_days: 7 \(now 14\)"),
    ],
)
def test_a_model_for_something_else_is_refused(tmp_path, over, words):
    with pytest.raises(BundleError, match=words):
        require_fit(bundle(), scoring_params(tmp_path, **over))


def test_scoring_imports_no_training_code():
    code = (
        "import sys; import churn_mlops.inference.batch_score;"
        "bad = {'sklearn', 'mlflow', 'onnx', 'churn_mlops.training'} & set(sys.modules);"
        "assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
