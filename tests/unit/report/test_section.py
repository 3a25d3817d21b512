from __future__ import annotations

from churn_mlops.report.section import Section


def test_sections_do_not_share_their_parts() -> None:
    first, second = Section("a", "A", "a."), Section("b", "B", "b.")
    assert first.parts == {}
    assert first.parts is not second.parts
