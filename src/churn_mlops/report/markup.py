"""Elements of HTML and SVG whose text and attributes are escaped, whatever comes."""

from __future__ import annotations

from markupsafe import Markup


def tag(name: str, *children: str, **attributes: str | float | None) -> Markup:
    """Build one element.

    Parameters
    ----------
    name : str
        Written by us, never by users.
    *children : str or Markup
        Text is escaped, markup is not.
    **attributes : str, float or None
        Escaped, numbers with at most two decimals; None is left out. An underscore at the end is
        dropped, any other becomes a hyphen.

    Examples
    --------
    >>> str(tag("text", "a < b", class_="tick", x=1.0))
    '<text class="tick" x="1">a &lt; b</text>'
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(children)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, inside)


def _plain(value: str | float) -> str:
    if isinstance(value, str):
        return value
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
