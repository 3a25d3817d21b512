"""The first model: a new workspace is built once, and the daily jobs go on from there."""

from __future__ import annotations

from churn_mlops.loop.lock import workspace_lock
from churn_mlops.loop.state_store import Store
from churn_mlops.monitoring.repro import repro
from churn_mlops.params import Params
from churn_mlops.registry.bundle import SUMS
from churn_mlops.registry.champion import in_place, production_folder
from churn_mlops.registry.reachable import check_reachable
from churn_mlops.summary import Summary

STAGE, LAST = "seed_model", "batch_score"


def settled(params: Params) -> Summary | None:
    """Tell that there is a champion already; None while there is none, or a damaged one.

    Nobody is waited for: a deployment that asks for the seed job with each new version is not held
    up by a training that is under way.

    Raises
    ------
    BackupError
        The bucket of ``jobs.workspace`` does not answer.
    """
    if params.jobs.workspace is None:
        return _in_place_here(params)
    latest = Store(params.jobs.workspace).latest()
    sums = f"{production_folder(params).as_posix()}/{SUMS}"
    digest = latest.files.get(sums) if latest is not None else None
    return None if digest is None else _nothing_to_do(digest[:12])


def _in_place_here(params: Params) -> Summary | None:
    known = in_place(params, must_be_sound=False)
    return None if known is None else _nothing_to_do(known.version)


def _nothing_to_do(champion: str) -> Summary:
    line = f"nothing to do: {champion} is champion here"
    return Summary(STAGE, {}, [], {"champion": champion, "stages": []}, [line])


def run(params: Params) -> Summary:
    """Run the whole pipeline, unless a champion is in place.

    Who was killed goes on where it was. A champion that the registry has already is kept: the new
    model must be better, as any other.

    Parameters
    ----------
    params : Params
        Those of the working directory's ``params.yaml``, which DVC reads.

    Raises
    ------
    TrackingError
        MLflow does not answer; nothing was begun.
    RetrainError
        A stage failed, or DVC could not begin.
    WorkspaceBusyError
        Another process is at work here.
    """
    with workspace_lock(params, "churn job seed-model"):
        known = _in_place_here(params)
        if known is not None:
            return known
        check_reachable(params.tracking)
        done = repro(LAST)
        champion = in_place(params)
        facts = {"champion": champion.version if champion else None, "stages": list(done.stages)}
        return Summary(STAGE, {}, [production_folder(params)], facts)
