"""Write Grafana's dashboards: monitoring/grafana-provisioning/dashboards/*.json.

Usage: python scripts/dashboards.py [FOLDER]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import bargauge, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig, ReduceDataOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueTextMode, GraphTresholdsStyleMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from panels import DASHBOARDS, Panel

FOLDER = Path(__file__).resolve().parents[1] / "monitoring/grafana-provisioning/dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="churn-prometheus")
RUNBOOK = "https://github.com/TechITFactory/churn-mlops-prod-v2/blob/main/docs/runbook.md"
GREEN, YELLOW, RED = "green", "yellow", "red"
KINDS = {"line": timeseries, "number": stat, "bars": bargauge, "table": table}
SIZES = {"line": (8, 8), "number": (4, 6), "bars": (8, 8), "table": (8, 8)}


def built() -> dict[str, str]:
    """The dashboards as JSON, by file name."""
    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return {
        f"{name}.json": encoder.encode(_dashboard(*parts)) + "\n"
        for name, parts in DASHBOARDS.items()
    }


def _dashboard(uid: str, title: str, about: str, panels: Sequence[Panel]) -> Any:
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["churn"])
        .timezone("utc")
        .refresh("1m")
        .time("now-24h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink("Churn dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["churn"])
            .keep_time(True)
        )
        .link(
            dashboard.DashboardLink("Runbook")
            .type(DashboardLinkType.LINK)
            .url(RUNBOOK)
            .icon("doc")
            .target_blank(True)
        )
        .annotation(
            dashboard.AnnotationQuery()
            .name("Alerts")
            .datasource(SOURCE)
            .enable(True)
            .icon_color(RED)
            .expr('ALERTS{alertstate="firing", alertname=~"Churn.+"}')
        )
    )
    for number, panel in enumerate(panels, 1):
        made.with_panel(_panel(number, panel))
    return made.build()


def _panel(number: int, panel: Panel) -> Any:
    height, span = SIZES[panel.kind]
    made: Any = (
        KINDS[panel.kind]
        .Panel()
        .id(number)
        .title(panel.title)
        .description(panel.about)
        .datasource(SOURCE)
        .unit(panel.unit)
        .height(height)
        .span(span)
        .thresholds(_thresholds(panel))
    )
    for place, (expression, legend) in enumerate(panel.queries):
        made.with_target(_query(panel, "ABCDEFGH"[place], expression, legend))
    if panel.kind in ("number", "bars"):
        made.reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    if panel.kind == "line" and (panel.yellow is not None or panel.red is not None):
        style = GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        made.thresholds_style(style)
    if panel.shows_name:
        made.text_mode(BigValueTextMode.NAME)
    if panel.words:
        words = {str(n): ValueMappingResult(text=word) for n, word in enumerate(panel.words)}
        made.mappings([ValueMap(options=words)])
    if panel.anchor:
        link = dashboard.DashboardLink("Runbook").type(DashboardLinkType.LINK)
        made.links([link.url(f"{RUNBOOK}#{panel.anchor}").target_blank(True)])
    return made


def _query(panel: Panel, name: str, expression: str, legend: str) -> Any:
    made = prometheus.Dataquery().ref_id(name).datasource(SOURCE).expr(expression)
    if legend:
        made.legend_format(legend)
    if panel.kind == "table":
        return made.instant().format(PromQueryFormat.TABLE)
    return made.instant() if panel.kind in ("number", "bars") else made.range()


def _thresholds(panel: Panel) -> Any:
    steps = [Threshold(color=GREEN, value=None)]
    if panel.low_is_bad:
        steps = [Threshold(color=RED, value=None)]
        if panel.yellow is not None:
            steps.append(Threshold(color=YELLOW, value=panel.red))
        steps.append(Threshold(color=GREEN, value=panel.yellow or panel.red))
    else:
        for color, value in ((YELLOW, panel.yellow), (RED, panel.red)):
            if value is not None:
                steps.append(Threshold(color=color, value=value))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def main() -> None:
    """Write them."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, text in built().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)


if __name__ == "__main__":
    main()
