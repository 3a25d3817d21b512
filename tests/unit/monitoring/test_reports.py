from __future__ import annotations

from datetime import date
from pathlib import Path

from churn_mlops.monitoring.reports import reports, reports_folder
from churn_mlops.params import Params


def test_reports_come_in_the_order_of_their_days_and_end_where_they_are_told_to(
    workspace: Path,
) -> None:
    assert reports(Params()) == []
    reports_folder(Params()).mkdir(parents=True)
    for name in ("2025-05-02.json", "2025-05-01.json", ".2025-05-03.json.1.writing", "notes.json"):
        (reports_folder(Params()) / name).write_text("{}")
    assert [path.stem for path in reports(Params())] == ["2025-05-01", "2025-05-02"]
    assert [path.stem for path in reports(Params(), date(2025, 5, 1))] == ["2025-05-01"]
