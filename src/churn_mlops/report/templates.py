"""The pages' templates: everything that comes from data is escaped, and nothing may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def filled_in(template: str, values: Mapping[str, Any]) -> str:
    """A template of this room with values; ends with a newline."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("churn_mlops.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(values) + "\n"
