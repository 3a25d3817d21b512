"""Which version is meant, and what is refused before anything is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn_mlops.errors import ReproduceError
from churn_mlops.params import Params
from churn_mlops.registry import reproduce
from churn_mlops.registry.lineage import Lineage
from churn_mlops.registry.mlflow_registry import Version
from churn_mlops.registry.reproduce import again, find

KNOWN = [
    Version(2, "r2", {"bundle_sha256": "abd000" + "0" * 58}, ("champion",)),
    Version(1, "r1", {"bundle_sha256": "abc111" + "0" * 58}, ()),
    Version(12, "r3", {"bundle_sha256": "1f0000" + "0" * 58}, ()),
]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [("1", 1), ("12", 12), ("abc", 1), ("abd0", 2), ("champion", 2), ("1f", 12)],
)
def test_a_version_is_found_by_number_digest_or_alias(wanted: str, number: int) -> None:
    assert find(KNOWN, wanted, "churn").version == number


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("ab", r"several versions begin so; there are 2 \(abd000000000\), 1 \(abc111000000\)"),
        ("7", "no such version is registered; there are 2"),
        ("challenger", "no such version"),
    ],
)
def test_another_word_for_none_or_several_is_refused(wanted: str, words: str) -> None:
    with pytest.raises(ReproduceError, match=words):
        find(KNOWN, wanted, "churn")
    with pytest.raises(ReproduceError, match="there are none"):
        find([], wanted, "churn")


def lineage(**over: Any) -> Lineage:
    code = {"commit": "c", "dirty": False, "changed": [], "prefix": "", "sha256": "s"}
    data = {"inputs": {"t": "1"}, "built_from": {}}
    facts = {"code": code, "data": data, "missing": [], "stage": "train_candidate"} | over
    return Lineage(facts, "", "", {})


class Registry:
    """Answers with the known versions."""

    def __init__(self, _: object) -> None:
        pass

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def versions(self, _: str) -> list[Version]:
        return KNOWN


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            {"code": {"commit": None}, "missing": ["the commit: no git"]},
            "registered without the commit: no git",
        ),
        (
            {"code": {"commit": "c", "dirty": True, "changed": ["src/a.py"], "prefix": ""}},
            "changes that were not committed: src/a.py",
        ),
        (
            {"data": {"inputs": None}, "missing": ["the data: by hand"]},
            r"its data are not known \(the data: by hand\)",
        ),
    ],
)
def test_what_cannot_come_out_equal_is_refused_at_once(
    told: dict[str, Any], words: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "Tracker", Registry)
    monkeypatch.setattr(reproduce.lineage_store, "fetch", lambda *_: lineage(**told))
    with pytest.raises(ReproduceError, match=words):
        reproduce.run(Params(), "1", into=workspace / "new")
    assert not (workspace / "new").exists()


def test_a_folder_with_something_in_it_is_not_taken(workspace: Path) -> None:
    (workspace / "full").mkdir()
    (workspace / "full" / "x").write_text("x")
    for taken in ("full", "full/x"):
        with pytest.raises(ReproduceError, match="is there already"):
            reproduce.run(Params(), "1", into=workspace / taken)


def test_overrides_that_lead_elsewhere_are_not_set_again() -> None:
    recorded = {
        "CHURN__TRAINING__SEED": "7",
        "CHURN__PATHS__DATA": "/srv/data",
        "CHURN__TRACKING__URI": "http://h",
        "CHURN__MONITORING": "{}",
    }
    assert again(recorded) == {"CHURN__TRAINING__SEED": "7"}
