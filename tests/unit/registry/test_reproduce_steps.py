"""The steps of `churn reproduce` with git and a registry; DVC's part is played by a function."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from churn_mlops.errors import ReproduceError
from churn_mlops.registry import reproduce
from churn_mlops.registry.bundle import load_bundle
from churn_mlops.registry.code_state import folder_digest, git
from churn_mlops.registry.dvc_lock import hash_of
from churn_mlops.registry.lineage import collect
from churn_mlops.registry.lineage_store import attach
from tests.contenders import FAIR, GOOD, Place, put
from tests.lineages import commit

STAGE = "train_candidate"
BUNDLE, RAW, TABLE = "artifacts/models/candidate", "data/raw", "data/t.csv"


@dataclass
class Dvc:
    """Pulls from the workspace; a run of stages gives the workspace's bundle."""

    root: Path
    calls: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)
    pulled: Callable[[Path], None] = lambda _: None
    trained: Callable[[Path], None] = lambda _: None

    def __call__(
        self, folder: Path, arguments: Sequence[str], _: str, environment: Mapping[str, str]
    ) -> None:
        self.calls.append(tuple(arguments))
        self.environments.append(environment)
        pull = arguments[0] == "pull"
        for path in arguments[1:] if pull else [BUNDLE]:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (self.root / path).is_dir() else shutil.copyfile
            copy(self.root / path, folder / path)
        (self.pulled if pull else self.trained)(folder)


def lock_of(folder: Path) -> str:
    """A dvc.lock with the hashes of what lies in a folder."""
    raw, table, bundle = ({"path": p, "md5": hash_of(folder / p)} for p in (RAW, TABLE, BUNDLE))
    stages = {
        "generate_data": {"outs": [raw]},
        "build": {"deps": [raw], "outs": [table]},
        STAGE: {"deps": [table], "outs": [bundle]},
    }
    return yaml.safe_dump({"schema": "2.0", "stages": stages})


@pytest.fixture
def origin(place: Place, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A committed workspace whose model is registered with its lineage."""
    monkeypatch.setenv("CHURN__TRAINING__SEED", "7")
    place.crown(FAIR)
    for path, text in (
        ("data/raw/a.csv", "1"),
        (TABLE, "2"),
        ("src/churn_mlops/a.py", "3"),
        ("params.yaml", "churn: {window_days: 7}\n"),
        (".gitignore", "/data/\n/artifacts/\n/.dvc/\n"),
        (".dvc/cache/files/x", ""),
    ):
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text(text)
    (workspace / "dvc.lock").write_text(lock_of(workspace))
    git(workspace, "init", "-q", ".")
    commit(workspace, "x")
    record(place)
    return place


def record(place: Place, **over: Any) -> None:
    """Register the lineage of the workspace, or one that differs in some facts."""
    bundle = Path(BUNDLE)
    digest = load_bundle(bundle).digest
    lineage = collect(place.params, stage=STAGE, bundle=bundle, digest=digest)
    package = {"sha256": folder_digest(Path("src/churn_mlops"))}
    facts = lineage.facts | {"code": lineage.facts["code"] | package} | over
    version = place.tracker.by_version(place.params.tracking.model, 1)
    assert version is not None
    tags = attach(place.tracker, version.run_id, replace(lineage, facts=facts))
    place.tracker.set_tags(place.params.tracking.model, 1, tags)


@pytest.fixture
def dvc(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Dvc:
    """In the place of the program."""
    made = Dvc(workspace)
    monkeypatch.setattr(reproduce, "dvc", made)
    return made


def test_the_same_bundle_is_equal(origin: Place, dvc: Dvc, workspace: Path) -> None:
    into = workspace / "kept"
    summary = reproduce.run(origin.params, "champion", into=into)
    facts = summary.facts
    assert facts["equal"] is True
    assert facts["registered"] == facts["reproduced"] == origin.champion()
    assert facts["commit"] == git(workspace, "rev-parse", "HEAD").strip()
    assert "for want of a remote" in facts["source"]
    assert (facts["doubts"], facts["seconds"].keys()) == ([], {"clone", "pull", "train"})
    assert dvc.calls == [("pull", TABLE), ("repro", "--force", "--single-item", STAGE)]
    assert summary.outputs == [into]
    assert (into / "params.yaml").read_text() == (workspace / "params.yaml").read_text()
    assert summary.lines[0] == "version 1: the same model, byte for byte"


def test_the_stages_run_with_the_overrides_of_the_model(
    origin: Place, dvc: Dvc, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN__TRAINING__SEED", "8")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    reproduce.run(origin.params, "1", into=workspace / "kept")
    for given in dvc.environments:
        assert given["CHURN__TRAINING__SEED"] == "7"
        assert "MLFLOW_EXPERIMENT_NAME" not in given
        assert given["MLFLOW_TRACKING_URI"] == f"sqlite:///{workspace / 'kept/reproduced.db'}"
        assert given["PYTHONPATH"] == str(workspace / "kept/src")


def test_from_raw_the_stages_in_between_run_and_nothing_is_kept(origin: Place, dvc: Dvc) -> None:
    before = set(Path().iterdir())
    summary = reproduce.run(origin.params, "1", from_raw=True)
    assert dvc.calls == [("pull", RAW), ("repro", "--force", "--single-item", "build", STAGE)]
    assert (summary.facts["equal"], summary.outputs) == (True, [])
    assert set(Path().iterdir()) == before


def test_another_bundle_is_told_with_what_may_be_the_reason(
    origin: Place, dvc: Dvc, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(folder: Path) -> None:
        other = origin.with_params(paths={"artifacts": str(folder / "artifacts")})
        put(other.params, GOOD)
        (folder / RAW).mkdir(parents=True)
        (folder / "dvc.lock").write_text(lock_of(folder))

    dvc.trained = train
    record(origin, versions=collected(origin)["versions"] | {"numpy": "0.1"})
    monkeypatch.setenv("CHURN__TRAINING__SEED", "8")
    summary = reproduce.run(origin.params, "1")
    facts = summary.facts
    assert facts["equal"] is False
    assert facts["registered"] == origin.champion() != facts["reproduced"]
    assert {"model.onnx", "bundle.json"} <= facts["files"].keys()
    assert facts["stages"] == [f"generate_data: {RAW}", f"{STAGE}: {BUNDLE}"]
    assert list(facts["versions"]) == ["numpy"]
    assert facts["overrides"] == {"CHURN__TRAINING__SEED": ["7", "8"]}
    text = "\n".join(summary.lines)
    for words in (
        "version 1: ANOTHER MODEL came out",
        "differs: model.onnx: ",
        f"first different output: generate_data: {RAW}",
        "version: numpy was 0.1, is ",
        "override: CHURN__TRAINING__SEED was 7, is 8",
        "--into DIR",
    ):
        assert words in text


def test_another_bundle_of_the_same_stages_is_told_without_them(origin: Place, dvc: Dvc) -> None:
    def train(folder: Path) -> None:
        put(origin.with_params(paths={"artifacts": str(folder / "artifacts")}).params, GOOD)

    dvc.trained = train
    summary = reproduce.run(origin.params, "1")
    assert (summary.facts["equal"], summary.facts["stages"]) == (False, [])
    assert "first different output" not in "\n".join(summary.lines)


def test_other_data_are_refused_or_tried_by_force(origin: Place, dvc: Dvc) -> None:
    def change(folder: Path) -> None:
        (folder / TABLE).write_text("other")

    dvc.pulled = change
    with pytest.raises(ReproduceError, match=f"{TABLE} from .* is not what it was trained on"):
        reproduce.run(origin.params, "1")
    summary = reproduce.run(origin.params, "1", force=True)
    (doubt,) = summary.facts["doubts"]
    assert TABLE in doubt
    assert f"  in spite of: {doubt}" in summary.lines


def test_other_code_is_refused_unless_it_was_never_committed(origin: Place, dvc: Dvc) -> None:
    code = collected(origin)["code"] | {"sha256": "0" * 64}
    record(origin, code=code)
    with pytest.raises(ReproduceError, match="is not the code that trained it"):
        reproduce.run(origin.params, "1")
    record(origin, code=code | {"dirty": True, "changed": ["src/a.py"]})
    facts = reproduce.run(origin.params, "1", force=True).facts
    assert facts["doubts"] == ["it was trained with changes that were not committed: src/a.py"]


def test_data_that_cannot_be_pulled_are_told_with_their_source(origin: Place, dvc: Dvc) -> None:
    def fail(_: Path) -> None:
        raise ReproduceError("could not pull the data")

    dvc.pulled = fail
    with pytest.raises(ReproduceError, match=r"could not pull[^$]*come from the local") as caught:
        reproduce.run(origin.params, "1")
    assert "--cache-dir" in str(caught.value.fix)


def test_a_lock_without_the_raw_tables_is_no_start(origin: Place, workspace: Path) -> None:
    lock = yaml.safe_load((workspace / "dvc.lock").read_text())
    for stage, options in (("generate_data", {"from_raw": True}), (STAGE, {})):
        del lock["stages"][stage]
        (workspace / "dvc.lock").write_text(yaml.safe_dump(lock))
        record(origin, data={"inputs": {TABLE: "x"}, "built_from": {}})
        with pytest.raises(ReproduceError, match=f"dvc.lock does not know {stage}"):
            reproduce.run(origin.params, "1", **options)


def collected(place: Place) -> dict[str, Any]:
    """The facts of the workspace as it is."""
    return collect(place.params, stage=STAGE, bundle=Path(BUNDLE), digest="d").facts
