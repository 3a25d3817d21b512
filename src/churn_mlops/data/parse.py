"""Reads text columns as typed values; what cannot be read becomes null, never something else.

Engines are generous in different ways (one reads ``1.5`` as the integer 2, another drops the
offset of ``10:00+02:00``), so the shape of a value is checked before it is cast.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
CLOCK = r"[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
OFFSET = r"(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
TIME = rf"^{DAY}({CLOCK} ?{OFFSET}?)?$"


def text_of(column: ir.Column) -> ir.StringValue:
    """The value as it came, as text; empty text is null."""
    return column.cast("string").nullif("")


def typed(column: ir.Column, kind: str) -> ir.Value:
    """Read a column as a type of a contract.

    Parameters
    ----------
    column : column of strings, or of any type that comes from Parquet or a database
    kind : str
        ``int64``, ``float64``, ``string``, ``date`` or ``timestamp`` (UTC).
    """
    if kind == "string":
        return text_of(column)
    if not column.type().is_string():
        return _from_native(column, kind)
    text = text_of(column)
    if kind == "int64":
        number = text.try_cast("int64")
        return _if(number.cast("string") == text, number)
    if kind == "float64":
        return _if(~text.contains("_"), text.try_cast("float64"))
    moment = _moment(text)
    return moment.date() if kind == "date" else moment


def _from_native(column: ir.Column, kind: str) -> ir.Value:
    from_type = column.type()
    if kind in ("date", "timestamp"):
        if not (from_type.is_date() or from_type.is_timestamp()):
            return ibis.null(kind)
        return column.cast("timestamp").date() if kind == "date" else column.cast("timestamp")
    if not (from_type.is_numeric() or from_type.is_boolean()):
        return ibis.null(kind)
    if kind == "int64" and from_type.is_floating():
        whole = (column == column.floor()) & (column.abs() < 2.0**53)
        return _if(whole, column.try_cast("int64"))
    return column.try_cast(kind)


def leading_zeros(column: ir.Column) -> ir.BooleanValue:
    """True where a text is a whole number with zeros in front, such as 007."""
    return text_of(column).re_search("^0[0-9]+$").fill_null(False)


def _moment(text: ir.StringValue) -> ir.TimestampValue:
    """Read ISO 8601; the plain forms, which most logs have, without regular expressions."""
    plain_day = (text.length() == 10) & (text[4] == "-") & (text[7] == "-")
    plain_time = (text.length() == 19) & (text[16] == ":")
    plain = plain_day | plain_time
    return ibis.cases((plain, text.try_cast("timestamp")), else_=_utc(text))


def _utc(text: ir.StringValue) -> ir.TimestampValue:
    """Read any form; a time without an offset is UTC already."""
    text = text.strip()
    bare = text.re_replace(rf"({CLOCK}) ?{OFFSET}$", r"\1").replace("T", " ")
    moment = _if(text.re_search(TIME), bare.try_cast("timestamp"))
    offset = text.re_extract(rf"{CLOCK} ?([+-][0-9]{{2}}:?[0-9]{{0,2}})$", 3).nullif("")
    digits = offset.replace(":", "")
    hours = digits.substr(1, 2).try_cast("int64")
    minutes = ibis.coalesce(digits.substr(3, 2).nullif("").try_cast("int64"), 0)
    sign = digits.startswith("-").ifelse(-1, 1)
    shift = ibis.coalesce(sign * (hours * 60 + minutes), 0)
    return moment - shift.as_interval("m")


def _if(condition: ir.BooleanValue, value: ir.Value) -> ir.Value:
    return condition.ifelse(value, ibis.null(value.type()))
