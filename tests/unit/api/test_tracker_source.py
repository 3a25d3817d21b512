from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.api.model_source import Named, SourceAwayError
from churn_mlops.api.tracker_source import TrackerSource
from churn_mlops.errors import BundleError
from churn_mlops.params import Tracking


def test_a_database_that_is_not_there_is_away_and_asked_again(tmp_path: Path) -> None:
    source = TrackerSource(Tracking(uri=f"sqlite:///{tmp_path / 'none' / 'registry.db'}"))
    for _ in range(2):
        with pytest.raises(SourceAwayError, match="no directory"):
            source.champion()
    source.close()


def test_what_has_no_number_is_not_in_the_registry(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="without a version"):
        TrackerSource(Tracking()).fetch(Named("a" * 64, None), tmp_path)
