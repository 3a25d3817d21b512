"""The champion: the bundle in artifacts/production, and its way there and back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from churn_mlops.errors import BundleError, PromotionError
from churn_mlops.params import Params
from churn_mlops.registry.bundle import Bundle, copy_bundle, load_bundle
from churn_mlops.registry.mlflow_registry import Tracker, Version

CHAMPION, CHALLENGER = "champion", "challenger"
DIGEST = "bundle_sha256"
# On a version that was rolled back: "true", for machines whose ledger does not know of it.
TAKEN_BACK = "taken_back"


def production_folder(params: Params) -> Path:
    """Where the champion's bundle lies."""
    return Path(params.paths.artifacts) / "production"


def load_champion(params: Params) -> Bundle:
    """Load the champion's bundle.

    Raises
    ------
    BundleError
        There is none yet, or it is damaged.
    """
    folder = production_folder(params)
    if not folder.exists():
        raise BundleError(
            f"there is no champion at {folder} yet", fix="train and promote one: `dvc repro`"
        )
    return load_bundle(folder, params.duckdb.threads)


def current_champion(tracker: Tracker, params: Params) -> Bundle | None:
    """The registry's champion, whose bundle is brought into place if it is not there.

    The registry's word counts: when another machine has promoted, or a process was killed between
    moving the alias and replacing the bundle, the bundle follows the alias. Without an alias (a
    registry that was started anew) the bundle in place counts.

    Raises
    ------
    BundleError
        The registry's bundle is damaged.
    TrackingError
        The registry does not answer.
    """
    version = tracker.by_alias(params.tracking.model, CHAMPION)
    present = in_place(params, must_be_sound=version is None)
    if version is None:
        return present
    if present is None or present.digest != version.tags.get(DIGEST):
        install(tracker, version, params)
        present = load_champion(params)
    return present


def in_place(params: Params, *, must_be_sound: bool = True) -> Bundle | None:
    """The bundle in production as it is, without asking the registry; None when there is none.

    Raises
    ------
    BundleError
        It is damaged and `must_be_sound`.
    """
    if not production_folder(params).exists():
        return None
    try:
        return load_champion(params)
    except BundleError:
        if must_be_sound:
            raise
        return None


def install(tracker: Tracker, version: Version, params: Params, place: Path | None = None) -> str:
    """Fetch a version's bundle from the registry, verify it and put it in production.

    Parameters
    ----------
    tracker : Tracker
    version : Version
    params : Params
    place : Path, optional
        Put it there instead.

    Returns
    -------
    str
        The bundle's digest.

    Raises
    ------
    PromotionError
        What the registry holds is not what it was registered as.
    """
    with tempfile.TemporaryDirectory(prefix="churn-champion-") as folder:
        fetched = Path(folder) / "bundle"
        tracker.download(params.tracking.model, version.version, fetched)
        digest = load_bundle(fetched).digest
        if digest != version.tags.get(DIGEST):
            raise PromotionError(
                f"version {version.version} of the model '{params.tracking.model}' holds the bundle"
                f" {digest[:12]}, but was registered as {version.tags.get(DIGEST, '')[:12]}",
                fix="find out who changed the registry's artifacts; choose another version",
            )
        return copy_bundle(fetched, place or production_folder(params))


def noted_head(params: Params) -> tuple[int, str] | None:
    """The ledger's furthest entry that the registry has noted: its number and its hash.

    Returns
    -------
    tuple of int and str, or None
        None when no version carries one.
    """
    with Tracker(params.tracking) as tracker:
        versions = tracker.versions(params.tracking.model)
    noted = [
        (int(v.tags["ledger_entry"]), v.tags["ledger_hash"])
        for v in versions
        if "ledger_entry" in v.tags
    ]
    return max(noted, default=None)
