"""The table of jobs is the one that help, page, rules and code go by."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.loop.job_table import JOBS, as_markdown, as_text

ROOT = Path(__file__).parents[3]


def test_help_and_page_print_it() -> None:
    page = (ROOT / "docs/jobs.md").read_text()
    assert as_markdown() in page
    text = CliRunner().invoke(app, ["job", "--help"]).stdout
    for line in as_text().splitlines():
        assert line in text
    assert all(len(line) <= 78 for line in as_text().splitlines())


def test_every_job_is_a_command_and_the_page_has_its_crontab() -> None:
    page = (ROOT / "docs/jobs.md").read_text()
    for job in JOBS:
        assert CliRunner().invoke(app, ["job", job.name, "--help"]).exit_code == 0
        assert f"{job.cron}  cd /srv/churn && churn job {job.name}\n" in page


def test_the_alert_knows_every_job_and_its_hours() -> None:
    rules = yaml.safe_load((ROOT / "monitoring/rules/alerts.yml").read_text())
    (rule,) = [r for g in rules["groups"] for r in g["rules"] if r.get("alert") == "ChurnJobStale"]
    found = re.findall(r'stage=~?"([^"]+)"\}\) > (\d+) \* 3600', rule["expr"])
    for job in JOBS:
        hours = [int(n) for pattern, n in found if re.fullmatch(pattern, job.stage)]
        assert hours == [job.stale_hours], job.name
