"""From a request's bytes to feature values that the model can take, or to what is wrong with them.

A champion's features make a pydantic class, whose compiled validator reads JSON directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from typing_extensions import TypedDict

from churn_mlops.api.problems import ProblemError
from churn_mlops.api.schemas import Mistake, UserId
from churn_mlops.params.rules import nearest
from churn_mlops.registry.meta import FeatureFacts, Meta

# The matrix is float32: what lies beyond its range is no measurement.
LARGEST = 3.4028234663852886e38
LONGEST_TEXT = 256
# More mistakes than these are counted, not listed.
LISTED_MISTAKES = 20
INTEGERS = ("int8", "int16", "int32", "int64")

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def _no_number(value: object) -> object:
    if isinstance(value, str | date):
        return value
    raise ValueError("must be a date such as 2025-04-30")


# Not strict, since JSON has no dates; but a number of seconds is none either.
Day = Annotated[date, Field(strict=False), BeforeValidator(_no_number)]


def features_class(features: Sequence[FeatureFacts], example: dict[str, Any] | None = None) -> Any:
    """A TypedDict of a model's features, each optional and nullable, unknown ones refused."""
    fields = {feature.name: _field(feature) for feature in features}
    made: Any = TypedDict("Features", fields, total=False)  # type: ignore[misc]
    extra: dict[str, Any] = {"examples": [example]} if example else {}
    made.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]
        extra="forbid", strict=True, allow_inf_nan=False, json_schema_extra=extra or None
    )
    return made


def request_class(meta: Meta, example: dict[str, Any] | None = None) -> type[BaseModel]:
    """The body of ``POST /predict`` for a model.

    Parameters
    ----------
    meta : Meta
    example : dict, optional
        Features that the documentation shows.
    """
    return create_model(
        "PredictRequest",
        __config__=_STRICT,
        __doc__="A user and what is known about them; features that are left out are imputed.",
        user_id=(UserId, Field(examples=[17])),
        snapshot_date=(
            Day | None,
            Field(default=None, description="day that the features describe"),
        ),
        features=(features_class(meta.features, example), ...),
    )


def batch_class(row: type[BaseModel], most: int) -> type[BaseModel]:
    """The JSON body of ``POST /predict/batch``: up to `most` rows."""
    rows: Any = list[row]  # type: ignore[valid-type]
    return create_model(
        "BatchRequest",
        __config__=_STRICT,
        rows=(rows, Field(min_length=1, max_length=most)),
    )


def _field(feature: FeatureFacts) -> Any:
    about = f"{feature.about}; {feature.unit}" if feature.unit else feature.about
    if feature.kind == "categorical":
        return Annotated[str, Field(max_length=LONGEST_TEXT, description=about)] | None
    limits: dict[str, Any] = {"ge": -LARGEST, "le": LARGEST}
    if feature.type in INTEGERS:
        limits["multiple_of"] = 1
    return Annotated[float, Field(description=about, **limits)] | None


def mistakes_of(error: ValidationError, names: Sequence[str]) -> ProblemError:
    """What a validator found, in words for the sender.

    Parameters
    ----------
    error : ValidationError
    names : sequence of str
        The features that the model knows.
    """
    found = error.errors(include_url=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        reason = found[0]["ctx"]["error"]
        return ProblemError.of("invalid-json", f"the body is no valid JSON: {reason}")
    # A user_id is refused twice, as a number and as a text.
    places = {tuple(_place(entry)): entry for entry in reversed(found)}
    count = len(places)
    chosen = list(places.items())[: -LISTED_MISTAKES - 1 : -1]
    listed = [_mistake(place, entry, names) for place, entry in chosen]
    more = f"; the first {len(listed)} are listed" if count > len(listed) else ""
    words = "a mistake" if count == 1 else f"{count} mistakes{more}"
    unknown = any(e["type"] == "extra_forbidden" and "features" in p for p, e in chosen)
    kind = "unknown-feature" if unknown else "invalid-request"
    return ProblemError.of(kind, f"the request has {words}", listed)


def _place(entry: Any) -> list[object]:
    where = list(entry["loc"])
    return where[: where.index("user_id") + 1] if "user_id" in where else where


def _mistake(where: Sequence[object], entry: Any, names: Sequence[str]) -> Mistake:
    kind = entry["type"]
    if kind == "extra_forbidden":
        name = str(where[-1])[:LONGEST_TEXT]
        if "features" in where:
            text = f"the model has no such feature{nearest(name, names)}"
        else:
            text = "there is no such key; known are user_id, snapshot_date and features"
        return Mistake(where=_path([*where[:-1], name]), message=text)
    if where and where[-1] == "user_id" and kind != "missing":
        text = f"must be a whole number of 64 bits or a text of 1 to {LONGEST_TEXT} characters"
    elif kind in ("less_than_equal", "greater_than_equal", "finite_number"):
        text = "must be a finite number that fits into 32 bits"
    elif kind == "multiple_of":
        text = "must be a whole number"
    elif kind == "float_type":
        text = "must be a number or null; text and booleans are none"
    elif kind == "missing":
        text = "is missing"
    else:
        text = str(entry["msg"]).replace("Input should be", "must be")
    return Mistake(where=_path(where), message=text)


def _path(parts: Sequence[object]) -> str:
    return ".".join(str(part)[:LONGEST_TEXT] for part in parts) or "body"
