"""What a PromQL expression asks for, as far as the tests of rules and dashboards need it."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
      (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    | (?P<number>\d[\w.]*)
    | (?P<word>[A-Za-z_:][\w:]*)
    | (?P<braces>\{(?:[^{}"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')*\})
    | (?P<range>\[[^\]]*\])
    | (?P<comment>\#[^\n]*)
    | (?P<space>\s+)
    | (?P<sign>.)
    """,
    re.VERBOSE,
)
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_OPERATORS = {"and", "or", "unless", "offset", "bool", "atan2", "inf", "nan"}
_AGGREGATIONS = {
    *("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values"),
    *("bottomk", "topk", "quantile"),
}


def selectors(expression: str) -> list[str]:
    """Every metric of an expression with its label matchers, each once."""
    tokens = [
        (match.lastgroup, match.group())
        for match in _TOKEN.finditer(expression)
        if match.lastgroup not in ("space", "comment", "range", "text", "number")
    ]
    found: dict[str, None] = {}
    place = 0
    while place < len(tokens):
        kind, text = tokens[place]
        following = tokens[place + 1] if place + 1 < len(tokens) else ("sign", "")
        place += 1
        if kind == "braces":
            found[text] = None
        if kind != "word" or text.lower() in _OPERATORS | _AGGREGATIONS:
            continue
        if text in _GROUPING:
            if following[1] == "(":
                while tokens[place][1] != ")":
                    place += 1
        elif following[1] == "(":
            continue
        elif following[0] == "braces":
            found[text + following[1]] = None
            place += 1
        else:
            found[text] = None
    return list(found)
