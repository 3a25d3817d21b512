"""Puts a feature's value into words, beside the value that is typical."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from churn_mlops.registry.meta import FeatureFacts

# With these units the description does not name what is measured, but the feature's name does.
_NAMED_UNITS = frozenset({"", "0/1", "per day"})


class Wording:
    """Words for the features of one model; what was said once is remembered.

    Parameters
    ----------
    features : sequence of FeatureFacts
    """

    def __init__(self, features: Sequence[FeatureFacts]) -> None:
        self._features = features
        self._said: dict[tuple[int, object], str] = {}
        self._about = Counter(f.about for f in features)

    def say(self, feature: int, value: object) -> str:
        """Say "12 days since the last active day (typical: 2)".

        Parameters
        ----------
        feature : int
            Place of the feature.
        value : float, str or None
            The user's value; NaN counts as None.
        """
        value = None if value != value else value  # NaN alone differs from itself
        key = (feature, value)
        if key not in self._said:
            facts = self._features[feature]
            self._said[key] = f"{self._sentence(facts, value)}{_comparison(facts, value)}"
        return self._said[key]

    def _sentence(self, facts: FeatureFacts, value: object) -> str:
        shown = _shown(value, facts.unit)
        about = facts.about.partition(";")[0].strip()
        if facts.unit in _NAMED_UNITS or self._about[facts.about] > 1 or not about:
            return f"{facts.name}: {shown}"
        when, colon, what = about.partition(": ")
        about = f"{what} {when}" if colon else about
        if value is None or facts.unit == "share":
            return f"{about}: {shown}"
        unit = facts.unit.removesuffix("s") if shown == "1" else facts.unit
        if about.startswith(facts.unit) or facts.unit in about.split()[:2]:
            return f"{shown} {about.replace(facts.unit, unit, 1)}"
        return f"{about}: {shown} {unit}"


def _comparison(facts: FeatureFacts, value: object) -> str:
    """The typical value; the mean when the typical one does not lie on the other side."""
    typical = facts.typical
    if typical is None or isinstance(typical, str) or not isinstance(value, int | float):
        return (
            ""
            if typical is None or typical == value
            else f" (typical: {_shown(typical, facts.unit)})"
        )
    for word, other in (("typical", typical), ("average", facts.mean)):
        if other is not None and (value - other) * facts.direction > 0:
            shown = _shown(other, facts.unit)
            if shown != _shown(value, facts.unit):
                return f" ({word}: {shown})"
    return ""


def _shown(value: object, unit: str) -> str:
    if value is None:
        return "none"
    if not isinstance(value, int | float):
        return str(value)
    if unit == "share":
        return f"{value:.0%}"
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 1 else 2
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
