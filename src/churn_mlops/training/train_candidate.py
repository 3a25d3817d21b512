"""Stage train_candidate: boosted trees on the same split, judged and bundled in the same way."""

from __future__ import annotations

from churn_mlops.params import Params
from churn_mlops.summary import Summary
from churn_mlops.training import train
from churn_mlops.training.boosting import fit_boosted
from churn_mlops.training.model import Family

STAGE = "train_candidate"
CANDIDATE = Family("candidate", "tree", fit_boosted)


def run(params: Params) -> Summary:
    """Train the candidate; see `churn_mlops.training.train.run`."""
    return train.run(STAGE, CANDIDATE, params)
