from __future__ import annotations

from pathlib import Path

import pytest

from churn_mlops.api.model_source import FolderSource, Named, SourceAwayError
from churn_mlops.errors import BundleError
from churn_mlops.registry.bundle import FILES, SUMS, copy_bundle, load_bundle
from tests.trained import bundle, bundle_folder


def test_the_champion_is_what_is_in_production_and_the_candidate_challenges(
    tmp_path: Path,
) -> None:
    production, candidate = tmp_path / "production", tmp_path / "candidate"
    source = FolderSource(production, candidate)
    assert (source.champion(), source.challenger()) == (None, None)
    copy_bundle(bundle_folder("baseline"), production)
    copy_bundle(bundle_folder("candidate"), candidate)
    champion = Named(bundle("baseline").digest, None)
    challenger = Named(bundle("candidate").digest, None)
    assert (source.champion(), source.challenger()) == (champion, challenger)
    for named in (champion, challenger):
        place = tmp_path / named.digest
        place.mkdir()
        source.fetch(named, place)
        assert {file.name for file in place.iterdir()} == set(FILES)
        assert load_bundle(place).digest == named.digest
    copy_bundle(bundle_folder("candidate"), production)
    assert (source.champion(), source.challenger()) == (challenger, None)
    source.close()


def test_a_folder_that_cannot_be_read_is_away(tmp_path: Path) -> None:
    (tmp_path / "production" / SUMS).mkdir(parents=True)
    with pytest.raises(SourceAwayError, match="cannot be read"):
        FolderSource(tmp_path / "production", tmp_path / "candidate").champion()


def test_a_version_is_named_by_its_tag() -> None:
    assert Named.by_tags("m", 3, {"bundle_sha256": "a" * 64}) == Named("a" * 64, 3)
    for tags in ({}, {"bundle_sha256": "short"}):
        with pytest.raises(BundleError, match="version 3 of the model 'm' has no tag"):
            Named.by_tags("m", 3, tags)
