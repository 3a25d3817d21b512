"""What the templates do with values."""

from __future__ import annotations

import jinja2
import pytest

from churn_mlops.report.templates import filled_in


def test_a_missing_value_is_an_error_and_no_gap() -> None:
    with pytest.raises(jinja2.UndefinedError):
        filled_in("timelapse.html.j2", {"title": "<b>"})
