"""`churn plan`."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.errors import ParamsError
from churn_mlops.planning.assumptions import Node, Prices

run = CliRunner().invoke


def test_a_plan_for_people_and_for_scripts() -> None:
    asked = ["plan", "--users", "10000000", "--days", "365"]
    text = run(app, asked)
    assert text.exit_code == 0, text.output
    assert text.stdout.startswith("10 million users a day")
    body = json.loads(run(app, [*asked, "--json"]).stdout)
    assert [plan["ask"]["users"] for plan in body["plans"]] == [10_000_000] * len(body["plans"])
    for plan in body["plans"]:
        assert plan["user_days"] == 3_650_000_000
        assert all(stage["basis"] for stage in plan["stages"])


def test_an_engine_and_its_machines_can_be_named() -> None:
    asked = ["plan", "--users", "5000000", "--engine", "spark", "--nodes", "7", "--json"]
    body = json.loads(run(app, asked).stdout)
    assert [(plan["ask"]["engine"], plan["nodes"]) for plan in body["plans"]] == [("spark", 7)]
    assert body["spark"]["spark.executor.instances"] == "14"
    body = json.loads(run(app, ["plan", "--users", "1000", "--engine", "duckdb", "--json"]).stdout)
    assert [plan["nodes"] for plan in body["plans"]] == [1]
    assert body["spark"] is None


def test_options_reach_the_plan() -> None:
    asked = ["plan", "--users", "1000000", "--engine", "spark", "--nodes", "4", "--json"]
    (cheap,) = json.loads(run(app, asked).stdout)["plans"]
    options = ["--node-cores", "16", "--price-core-hour", "0.5", "--price-gb-month", "0.23"]
    (dear,) = json.loads(run(app, [*asked, *options, "--hours", "5"]).stdout)["plans"]
    assert dear["cores"] == 2 * cheap["cores"]
    assert dear["hours"] < cheap["hours"]
    assert dear["run_cost"]["compute"] == pytest.approx(dear["core_hours"] * 0.5)
    assert dear["month_cost"]["storage"] == pytest.approx(10 * cheap["month_cost"]["storage"])


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--users", "0"],
        ["--users", "many"],
        ["--users", "100000000000"],
        ["--users", "5", "--days", "0"],
        ["--users", "5", "--hours", "0"],
        ["--users", "5", "--engine", "abacus"],
        ["--users", "5", "--price-core-hour", "-1"],
    ],
)
def test_nonsense_on_the_command_line_is_code_2(options: list[str]) -> None:
    assert run(app, ["plan", *options]).exit_code == 2


def test_duckdb_on_two_machines_is_a_known_error() -> None:
    result = run(app, ["plan", "--users", "5", "--engine", "duckdb", "--nodes", "2"])
    assert isinstance(result.exception, ParamsError)


def test_defaults_are_the_assumptions() -> None:
    group = typer.main.get_command(app)
    options = {p.name: p.default for p in group.commands["plan"].params}  # type: ignore[attr-defined]
    node, prices = Node(), Prices()
    assert options["node_cores"] == node.cores
    assert options["node_memory_gb"] == node.memory_gb
    assert options["node_disk_gb"] == node.disk_gb
    assert options["price_core_hour"] == prices.core_hour
    assert options["price_gb_month"] == prices.gb_month
    assert options["price_thousand_writes"] == prices.thousand_writes
    assert options["price_thousand_reads"] == prices.thousand_reads
