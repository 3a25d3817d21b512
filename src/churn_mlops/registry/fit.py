"""Whether a model fits the present parameters: the same features, the same meaning of churn."""

from __future__ import annotations

from churn_mlops.errors import BundleError
from churn_mlops.features.catalogue import model_features
from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle


def require_fit(bundle: Bundle, params: Params) -> None:
    """Raise `BundleError` unless the model was trained for these features and this label."""
    have = {f.name: (f.kind, f.type) for f in model_features(params)}
    want = {f.name: (f.kind, f.type) for f in bundle.meta.features}
    if have != want:
        differ = sorted(n for n in have.keys() | want.keys() if have.get(n) != want.get(n))
        raise BundleError(
            f"the model and user_features_daily differ in {len(differ)} features:"
            f" {', '.join(differ[:5])}{', …' if len(differ) > 5 else ''}",
            fix="train with the present parameters: `dvc repro`",
        )
    if bundle.meta.label != params.churn:
        was, now = bundle.meta.label.model_dump(), params.churn.model_dump()
        words = [f"{k}: {was[k]} (now {now[k]})" for k in now if was[k] != now[k]]
        raise BundleError(
            f"the model was trained for another meaning of churn: {', '.join(words)}",
            fix="train with the present parameters: `dvc repro`",
        )
