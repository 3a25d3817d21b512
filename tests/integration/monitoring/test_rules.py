"""Prometheus's and Alertmanager's own tools over monitoring/ and tests/alerts/."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integration.tools import require_tool

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


def run(tool: str, *arguments: str) -> str:
    done = subprocess.run(
        [require_tool(tool), *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_its_configuration_and_rules() -> None:
    assert "SUCCESS" in run("promtool", "check", "config", "monitoring/prometheus.yml")
    rules = [str(path) for path in sorted(ROOT.glob("monitoring/rules/*.yml"))]
    assert "SUCCESS" in run("promtool", "check", "rules", "--lint-fatal", *rules)


def test_alertmanager_accepts_its_configuration() -> None:
    assert "SUCCESS" in run("amtool", "check-config", "monitoring/alertmanager.yml")


@pytest.mark.parametrize("severity", ["page", "ticket"])
def test_a_severity_goes_to_its_receiver(severity: str) -> None:
    file = "--config.file=monitoring/alertmanager.yml"
    told = run("amtool", "config", "routes", "test", file, f"severity={severity}")
    assert told.strip() == severity


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("tests/alerts/*.yml")), ids=lambda path: str(path.stem)
)
def test_alerts_fire_when_they_should_and_only_then(path: Path) -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", str(path))
