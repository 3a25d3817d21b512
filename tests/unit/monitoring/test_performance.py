"""From kept batches to promises and grades, through promotions and damaged files."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score

from churn_mlops.data.bad_days import BadDay, mark
from churn_mlops.errors import BundleError, ContractError
from churn_mlops.inference.kept import Kept, folder, keep, kept
from churn_mlops.monitoring import performance
from churn_mlops.monitoring.estimate import Estimate
from churn_mlops.monitoring.performance import Entry, counts, seen, status
from churn_mlops.monitoring.promise import Promise
from churn_mlops.params import Params
from churn_mlops.registry.bundle import copy_bundle
from churn_mlops.registry.champion import production_folder
from churn_mlops.tables import contracts
from tests.trained import bundle, bundle_folder
from tests.watched import DAYS, WINDOW, day, log, put_calendar, put_labels, score, watched

pytestmark = pytest.mark.slow

SCORED = (60, 68, 75, 76, 84, 94)
VALUE = {"customer_value": 100.0, "contact_cost": 1.0, "offer_cost": 4.0, "success_rate": 0.3}


def result(params: Params) -> dict[str, Any]:
    path = Path(params.paths.artifacts) / "monitoring/performance_latest.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def promises(params: Params) -> dict[str, str]:
    place = Path(params.paths.artifacts) / "monitoring/promises"
    return {path.name: path.read_text() for path in sorted(place.iterdir())}


@pytest.fixture(scope="module", params=["csv", "parquet"])
def graded(request, tmp_path_factory):
    params = watched(
        tmp_path_factory.mktemp("graded"),
        tables={"format": request.param},
        scoring={"value": VALUE},
    )
    score(params, SCORED)
    return params, performance.run(params)


def test_every_batch_has_a_promise_and_its_grade_when_its_time_has_come(graded) -> None:
    params, summary = graded
    body = result(params)
    assert [e["as_of_date"] for e in body["history"]] == [day(n).isoformat() for n in SCORED]
    assert [e["realised"] is not None for e in body["history"]] == [True] * 5 + [False]
    for one in body["history"]:
        assert set(one["estimated"]) == {"pr_auc", "roc_auc", "profit"}
        for value in one["estimated"].values():
            assert value["low"] <= value["value"] <= value["high"]
        for name in ("pr_auc", "roc_auc", "profit") if one["realised"] else ():
            found, said = one["realised"][name], one["estimated"][name]
            assert (found["estimated"], found["low"], found["high"]) == tuple(
                said[key] for key in ("value", "low", "high")
            )
            assert found["kept"] is (said["low"] <= found["value"] <= said["high"])
    assert summary.rows == {"batches": 6, "graded": 5}


def test_the_newest_batch_stands_on_top(graded) -> None:
    params, _ = graded
    body = result(params)
    assert (body["as_of_date"], body["model_version"]) == (day(94).isoformat(), bundle().version)
    assert body["estimated"] == body["history"][-1]["estimated"]
    assert body["realised"]["as_of_date"] == day(84).isoformat()
    assert body["realised"]["pr_auc"] == body["history"][-2]["realised"]["pr_auc"]
    assert body["confidence"] == 0.9
    tested = bundle().meta.metrics
    assert body["floors"]["pr_auc"] == pytest.approx(0.8 * tested["pr_auc"], abs=1e-6)
    assert body["floors"]["roc_auc"] == pytest.approx(0.1 + 0.8 * tested["roc_auc"], abs=1e-6)
    for name, count in body["promises"].items():
        kept_ones = [e["realised"][name]["kept"] for e in body["history"] if e["realised"]]
        assert (count["batches"], count["kept"]) == (5, sum(kept_ones))


def test_the_truth_is_that_of_scikit_learn(graded) -> None:
    params, _ = graded
    table, labels = log()
    batch = kept(params)[0].read()
    of_day = table["as_of_date"].to_numpy() == np.datetime64(batch.day)
    known = dict(zip(table["user_id"].to_numpy()[of_day].tolist(), labels[of_day], strict=True))
    mine = [known[user] for user in batch.users.to_pylist()]
    found = result(params)["history"][0]["realised"]["pr_auc"]["value"]
    assert found == pytest.approx(average_precision_score(mine, batch.risks), abs=1e-6)


def test_the_table_for_plots_says_the_same(graded) -> None:
    params, summary = graded
    body = result(params)
    with summary.outputs[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(SCORED)
    for row in rows:
        one = next(e for e in body["history"] if e["as_of_date"] == row["day"])
        assert float(row["low"]) == pytest.approx(one["estimated"][row["metric"]]["low"], rel=1e-5)
        assert (row["realised"] == "") is (one["realised"] is None)


def test_a_second_run_changes_nothing(graded) -> None:
    params, _ = graded
    before, said = result(params), promises(params)
    performance.run(params)
    assert (result(params), promises(params)) == (before, said)


def test_both_formats_say_the_same(tmp_path: Path) -> None:
    bodies = []
    for form in ("csv", "parquet"):
        params = watched(tmp_path / form, tables={"format": form})
        score(params, SCORED[:4])
        performance.run(params)
        bodies.append((result(params), promises(params)))
    assert bodies[0] == bodies[1]


def test_text_ids_say_the_same_as_numbers(tmp_path: Path) -> None:
    bodies = []
    for kind in ("integer", "text"):
        params = watched(tmp_path / kind, data={"user_id": kind})
        score(params, [60, 70, 94])
        performance.run(params)
        bodies.append(result(params))
    assert kept(params)[0].read().users[0].as_py().startswith("00")
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("n", [68, 76, 84])
def test_what_comes_later_changes_no_promise(tmp_path: Path, n: int) -> None:
    """Made on the day, with all that came later, or with another future: the same bytes."""
    name = f"{day(n)}_{bundle().version}.json"
    days = [d for d in SCORED if d <= n]
    then = watched(tmp_path / "then", last=n)
    score(then, days)
    performance.run(then)
    said = promises(then)[name]

    later = watched(tmp_path / "later")
    score(later, SCORED)
    performance.run(later)
    assert promises(later)[name] == said

    other = watched(tmp_path / "other")
    table, labels = log()
    unknown = table["as_of_date"].to_numpy() > np.datetime64(day(n - WINDOW))
    put_labels(other, np.where(unknown, 1 - labels, labels), DAYS - 1)
    score(other, SCORED)
    performance.run(other)
    assert promises(other)[name] == said
    assert result(other)["promises"] != result(later)["promises"]


def test_a_promise_made_is_not_revised(tmp_path: Path) -> None:
    params = watched(tmp_path, last=84)
    score(params, [76, 84])
    performance.run(params)
    said = promises(params)
    _, labels = log()
    put_labels(params, 1 - labels, DAYS - 1)
    put_calendar(params, DAYS - 1)
    wider = params.model_copy(
        update={
            "monitoring": params.monitoring.model_validate({"performance": {"confidence": 0.99}})
        }
    )
    performance.run(wider)
    assert promises(params) == said
    body = result(params)
    assert body["confidence"] == 0.9
    # Whoever was said to stay left, and the other way round.
    assert body["status"] == "FAIL"
    assert body["realised"]["roc_auc"]["kept"] is False
    assert body["realised"]["roc_auc"]["value"] < body["floors"]["roc_auc"]


def test_after_a_promotion_each_model_answers_for_its_own_lists(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [60, 70, 80])
    performance.run(params)
    before = promises(params)
    copy_bundle(bundle_folder("candidate"), production_folder(params))
    score(params, [80, 90])
    performance.run(params)
    body, old, new = result(params), bundle().version, bundle("candidate").version
    assert {name: promises(params)[name] for name in before} == before
    said = [(e["as_of_date"], e["model_version"]) for e in body["history"]]
    assert sorted(said) == sorted(
        [(day(n).isoformat(), old) for n in (60, 70, 80)]
        + [(day(n).isoformat(), new) for n in (80, 90)]
    )
    newest = json.loads(promises(params)[f"{day(90)}_{new}.json"])
    assert newest["learned"]["batches"] == [day(80).isoformat()]
    assert newest["floors"] != json.loads(promises(params)[f"{day(80)}_{old}.json"])["floors"]
    assert (body["realised"]["as_of_date"], body["realised"]["model_version"]) == (
        day(80).isoformat(),
        new,
    )
    assert body["promises"]["pr_auc"]["batches"] == 4


def test_a_list_is_held_to_the_floors_of_the_model_that_made_it(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [80])
    performance.run(params)
    before = result(params)
    assert before["realised_floors"] == before["floors"]
    copy_bundle(bundle_folder("candidate"), production_folder(params))
    score(params, [DAYS - 1])
    performance.run(params)
    body = result(params)
    assert body["realised"]["model_version"] == bundle().version
    assert body["realised_floors"] == before["floors"] != body["floors"]


def test_a_model_that_is_champion_no_more_is_graded_without_a_promise(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [60])
    copy_bundle(bundle_folder("candidate"), production_folder(params))
    score(params, [70])
    performance.run(params)
    first = result(params)["history"][0]
    assert first["estimated"] is None
    assert first["realised"]["pr_auc"]["value"] > 0
    assert first["realised"]["pr_auc"]["kept"] is None
    assert len(promises(params)) == 1
    assert result(params)["promises"]["pr_auc"]["batches"] == 1


def test_a_champion_that_has_not_scored_yet_names_the_way(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [60])
    copy_bundle(bundle_folder("candidate"), production_folder(params))
    with pytest.raises(ContractError, match="the champion is") as caught:
        performance.run(params)
    assert caught.value.fix == "score with the champion: `dvc repro batch_score`"


def test_on_the_first_day_there_is_a_promise_and_nothing_to_grade(tmp_path: Path) -> None:
    params = watched(tmp_path, last=60)
    score(params, [60])
    performance.run(params)
    body = result(params)
    assert (body["realised"], body["realised_floors"]) == (None, None)
    none = {"batches": 0, "kept": 0, "below_days": 0}
    assert body["promises"] == {"pr_auc": none, "roc_auc": none}
    assert body["status"] == "OK"


def test_users_who_all_stayed_are_no_crash(tmp_path: Path) -> None:
    params = watched(tmp_path)
    _, labels = log()
    put_labels(params, np.zeros_like(labels), DAYS - 1)
    score(params, [60, 94])
    performance.run(params)
    body = result(params)
    assert body["realised"]["pr_auc"] | {"value": None, "kept": None} == body["realised"]["pr_auc"]
    assert body["promises"]["pr_auc"] == {"batches": 0, "kept": 0, "below_days": 0}


def test_days_that_left_the_data_are_counted_as_without_labels(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [60, 70, 94])
    labels = contracts.labels_daily(params).path(params)
    lines = labels.read_text().splitlines(keepends=True)
    labels.write_text("".join(line for line in lines if day(70).isoformat() not in line))
    performance.run(params)
    gone = result(params)["history"][1]
    users = len(kept(params)[1].read())
    assert (gone["realised"]["users"], gone["realised"]["unlabelled"]) == (0, users)
    assert gone["realised"]["pr_auc"]["value"] is None
    assert result(params)["realised"]["as_of_date"] == day(60).isoformat()


def keep_as(params: Params, one: Kept, when: date, version: str) -> None:
    """Keep a batch once more, as if it were of another day or model."""
    batch = one.read()
    rows = {
        "user_id": batch.users, "as_of_date": [when] * len(batch), "churn_risk": batch.risks,
        "decision": batch.decisions, "model_version": [version] * len(batch),
    }  # fmt: skip
    keep(pa.table(rows).to_batches(), params, when, version, bundle().meta.label)


TESTED = bundle().meta.window.test_last_day


@pytest.mark.parametrize(("later", "known"), [(0, True), (-5, True), (1, False)])
def test_days_that_the_model_has_seen_are_neither_promised_nor_graded(
    tmp_path: Path, later: int, known: bool
) -> None:
    """Not even when something was promised about them once."""
    params = watched(tmp_path)
    score(params, [94])
    when = TESTED + timedelta(days=later)
    keep_as(params, kept(params)[0], when, bundle().version)
    assert seen(kept(params)[0], bundle()) is known
    performance.run(params)
    assert len(promises(params)) == 1 + (not known)
    (said,) = [text for name, text in promises(params).items() if str(day(94)) in name]
    place = Path(params.paths.artifacts) / f"monitoring/promises/{when}_{bundle().version}.json"
    place.write_text(said)
    performance.run(params)
    body = result(params)
    first = body["history"][0]
    assert first["as_of_date"] == when.isoformat()
    assert (first["estimated"] is None) is (first["realised"] is None) is known
    assert (body["realised"] is None) is known
    assert body["promises"]["pr_auc"]["batches"] <= (not known)


def test_what_a_former_champion_promised_stays_whatever_the_new_one_has_seen(
    tmp_path: Path,
) -> None:
    params = watched(tmp_path)
    score(params, [60, 70])
    performance.run(params)
    old = bundle().version
    later = replace(
        bundle("candidate"),
        meta=bundle("candidate").meta.model_copy(
            update={
                "window": bundle("candidate").meta.window.model_copy(
                    update={"test_last_day": day(65)}
                )
            }
        ),
    )
    assert [seen(one, later) for one in kept(params)] == [False, False]
    assert seen(replace(kept(params)[0], version=later.version), later)
    copy_bundle(bundle_folder("candidate"), production_folder(params))
    score(params, [94])
    performance.run(params)
    body = result(params)
    assert [e["estimated"] is None for e in body["history"]] == [False] * 3
    assert body["realised"]["model_version"] == old


def test_a_list_of_a_day_that_the_champion_has_seen_is_refused(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, [(TESTED - day(0)).days])
    with pytest.raises(ContractError, match=f"trained and tested on days up to {TESTED}") as caught:
        performance.run(params)
    assert f"score a day after {TESTED}" in str(caught.value.fix)
    assert not (tmp_path / "artifacts/monitoring").exists()
    score(params, [94])
    performance.run(params)
    assert [e["estimated"] is None for e in result(params)["history"]] == [True, False]


def test_a_list_without_a_promise_does_not_stand_for_the_newest_truth(tmp_path: Path) -> None:
    """Nobody knows what a model that is champion no more had seen."""
    params = watched(tmp_path)
    score(params, [60, 94])
    keep_as(params, kept(params)[0], day(80), "abc123")
    performance.run(params)
    body = result(params)
    assert body["history"][1]["realised"]["pr_auc"]["value"] > 0
    assert body["realised"]["as_of_date"] == day(60).isoformat()


def spoil_promise(params: Params) -> None:
    (next((Path(params.paths.artifacts) / "monitoring/promises").iterdir())).write_text("{")


def spoil_batch(params: Params) -> None:
    next(folder(params).iterdir()).write_bytes(b"no Parquet")


def spoil_labels(params: Params) -> None:
    (Path(params.paths.data) / "processed/labels_daily.csv").unlink()


def spoil_calendar(params: Params) -> None:
    (Path(params.paths.data) / "validation/report.json").unlink()


def spoil_champion(params: Params) -> None:
    shutil.rmtree(production_folder(params))


def spoil_latest(params: Params) -> None:
    (Path(params.paths.data) / "predictions/batch_predictions_latest.csv").unlink()


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (spoil_promise, ContractError, "is no promise"),
        (spoil_batch, ContractError, "is no kept batch"),
        (spoil_labels, ContractError, "labels_daily"),
        (spoil_calendar, ContractError, "validate_data"),
        (spoil_champion, BundleError, "no champion"),
        (spoil_latest, ContractError, "score a day first"),
    ],
)
def test_whatever_is_missing_or_damaged_is_named(tmp_path: Path, spoil, error, words) -> None:
    params = watched(tmp_path)
    # The outcome of day 87 is known, but late rows may still change it: it is read again.
    score(params, [60, 87])
    performance.run(params)
    before = (tmp_path / "artifacts/monitoring/performance_latest.json").read_bytes()
    spoil(params)
    with pytest.raises(error, match=words) as caught:
        performance.run(params)
    assert caught.value.fix
    assert (tmp_path / "artifacts/monitoring/performance_latest.json").read_bytes() == before


def said(pr_auc: float, floor: float = 0.4) -> Promise:
    value = Estimate(pr_auc, pr_auc - 0.1, pr_auc + 0.1)
    ranking = {"pr_auc": value, "roc_auc": Estimate(0.9, 0.8, 0.95)}
    return Promise(ranking, {"pr_auc": floor, "roc_auc": 0.7}, 0.9, {})


def entry(
    promise: Promise | None,
    pr_auc: float | None = None,
    low: float = 0.4,
    when: date = date(2025, 5, 1),
) -> Entry:
    """A batch; something is realised when there is a value."""
    kept = None if promise is None or pr_auc is None else low <= pr_auc <= 0.8
    found = {"value": pr_auc, "low": None if promise is None else low, "kept": kept}
    fine = {"value": 0.9, "low": 0.8, "kept": True}
    realised = {"users": 9, "pr_auc": found, "roc_auc": fine}
    return Entry(when, "a", 9, promise, realised if pr_auc is not None else None)


@pytest.mark.parametrize(
    ("estimated", "realised", "low", "expected"),
    [
        (0.5, None, 0.4, "OK"),
        (0.39, None, 0.4, "WARN"),
        (0.5, 0.39, 0.4, "FAIL"),
        (0.39, 0.39, 0.4, "FAIL"),
        (0.39, 0.5, 0.4, "WARN"),
        (0.5, 0.4, 0.4, "OK"),
        # Below the floor, but no further than chance explains.
        (0.5, 0.39, 0.39, "OK"),
        (0.5, 0.39, 0.3, "OK"),
        (0.39, 0.39, 0.3, "WARN"),
        # Below what was promised, but above the floor.
        (0.5, 0.45, 0.5, "OK"),
    ],
)
def test_status(estimated: float, realised: float | None, low: float, expected: str) -> None:
    newest = entry(said(0.5), realised, low) if realised else None
    assert status(entry(said(estimated)), newest, counts([]), 7) == expected


@pytest.mark.parametrize(("then", "now", "expected"), [(0.4, 0.2, "FAIL"), (0.2, 0.4, "OK")])
def test_the_newest_truth_is_held_to_its_own_floor(then: float, now: float, expected: str) -> None:
    newest = entry(said(0.5, floor=then), 0.3, low=0.35)
    assert status(entry(said(0.5, floor=now)), newest, counts([]), 7) == expected


def test_a_floor_of_one_metric_and_an_interval_of_another_do_not_add_up() -> None:
    newest = entry(said(0.5), 0.39, low=0.3)
    assert newest.realised is not None
    newest.realised["roc_auc"] = {"value": 0.75, "low": 0.8, "kept": False}
    assert status(entry(said(0.5)), newest, counts([]), 7) == "OK"


def test_a_model_without_a_promise_has_no_floor_to_fall_below() -> None:
    assert status(entry(said(0.5)), entry(None, 0.1), counts([]), 7) == "OK"


@pytest.mark.parametrize(
    ("values", "days", "expected"),
    [
        # On days 0, 1, 2, ...: seven days within a horizon of seven share labels.
        ([0.3] * 7, 7, "OK"),
        ([0.3] * 8, 8, "WARN"),
        ([0.5] + [0.3] * 7, 7, "OK"),
        ([0.5] + [0.3] * 8, 8, "WARN"),
        ([0.3] * 8 + [0.5], 0, "OK"),
        ([0.3] * 8 + [0.5, 0.3], 1, "OK"),
        ([0.9] * 9, 0, "OK"),
        # Two a horizon apart say as much as all between them.
        ([0.3, None, None, None, None, None, None, 0.3], 8, "WARN"),
        ([0.3], 1, "OK"),
    ],
)
def test_promises_that_break_for_more_than_a_horizon(
    values: list[float | None], days: int, expected: str
) -> None:
    # The interval runs from 0.4 to 0.8; more than was promised is no reason to worry.
    entries = [
        entry(said(0.5), value, when=date(2025, 5, 1) + timedelta(days=n))
        for n, value in enumerate(values)
    ]
    found = counts(entries)
    assert found["pr_auc"]["below_days"] == days
    assert status(entry(said(0.5)), None, found, 7) == expected


def test_lists_that_bad_days_have_spoiled_are_in_no_grade(tmp_path: Path) -> None:
    params = watched(tmp_path)
    score(params, SCORED)
    performance.run(params)
    before = result(params)
    mark(params, BadDay(day(84), "CHN405", "minutes in seconds", labels=False))
    performance.run(params)
    body = result(params)
    assert before["realised"]["as_of_date"] == day(84).isoformat()
    assert body["realised"]["as_of_date"] == day(76).isoformat()
    assert body["history"] == before["history"]
    counted = {name: one["batches"] for name, one in body["promises"].items()}
    assert counted == {name: one["batches"] - 1 for name, one in before["promises"].items()}


@pytest.mark.parametrize(("spoilt", "days"), [((), 1), ((7,), 0), ((6,), 8)])
def test_a_spoiled_list_neither_breaks_nor_continues_a_run(
    spoilt: tuple[int, ...], days: int
) -> None:
    first = date(2025, 5, 1)
    when = [first + timedelta(days=n) for n in range(8)]
    values = [0.3] * 6 + [0.5, 0.3]
    entries = [entry(said(0.5), v, when=d) for v, d in zip(values, when, strict=True)]
    entries = [replace(one, version=bundle().version) for one in entries]
    latest = Kept(when[-1], bundle().version, Path("x"))
    without = {when[n] for n in spoilt}
    body = performance.summed_up(entries, latest, bundle(), WINDOW, without)
    assert body["promises"]["pr_auc"]["below_days"] == days
    assert body["realised"]["as_of_date"] == str(max(set(when) - without))


def test_only_graded_promises_are_counted() -> None:
    graded = [entry(said(0.5), 0.5), entry(said(0.5), 0.1)]
    entries = [*graded, entry(None, 0.5), entry(said(0.5))]
    assert counts(entries)["pr_auc"] == {"batches": 2, "kept": 1, "below_days": 1}
