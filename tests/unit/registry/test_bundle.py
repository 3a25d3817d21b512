from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

from churn_mlops.errors import BundleError
from churn_mlops.registry import bundle as bundles
from churn_mlops.registry.bundle import (
    FILES,
    SUMS,
    copy_bundle,
    load_bundle,
    open_model,
    write_bundle,
)
from tests.trained import bundle, bundle_folder


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "baseline"
    shutil.copytree(bundle_folder(), folder)
    return folder


def seal(folder):
    """Make the digests right again, as somebody who wants to deceive would."""
    names = sorted(set(FILES) - {SUMS})
    lines = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (folder / SUMS).write_text("".join(lines))


def change_byte(folder):
    body = bytearray((folder / "model.onnx").read_bytes())
    body[len(body) // 2] ^= 1
    (folder / "model.onnx").write_bytes(body)


def link_file(folder):
    shutil.move(folder / "bundle.json", folder.parent / "elsewhere.json")
    (folder / "bundle.json").symlink_to(folder.parent / "elsewhere.json")


def make_pipe(folder):
    (folder / "bundle.json").unlink()
    os.mkfifo(folder / "bundle.json")


def make_directory(folder):
    (folder / "bundle.json").unlink()
    (folder / "bundle.json").mkdir()


def name_outside(folder):
    path = folder / SUMS
    path.write_text(path.read_text().replace("  bundle.json", "  ../bundle.json"))


def foreign_operator(folder):
    width = bundle().meta.encoding.width
    node = helper.make_node("Gelu", ["matrix"], ["churn_risk"], domain="com.microsoft")
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("matrix", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("churn_risk", TensorProto.FLOAT, [None, width])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    made = helper.make_model(graph, opset_imports=opsets)
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    seal(folder)


def edit(name, change):
    def apply(folder):
        body = json.loads((folder / name).read_text())
        change(body)
        (folder / name).write_text(json.dumps(body))
        seal(folder)

    return apply


def other_risk(golden):
    golden[3]["churn_risk"] += 1e-5


def listed_value(golden):
    golden[0]["row"]["plan"] = ["free"]


BAD = {
    "changed byte": (change_byte, "model.onnx is not the file"),
    "missing file": (lambda f: (f / "golden_rows.json").unlink(), "lacks golden_rows.json"),
    "extra file": (lambda f: (f / "model.pkl").write_text("x"), "has also 'model.pkl'"),
    "symlink": (link_file, "link"),
    "pipe": (make_pipe, "no regular file"),
    "directory": (make_directory, "cannot be read"),
    "path outside": (name_outside, "not the bundle's files"),
    "foreign operator": (foreign_operator, "com.microsoft"),
    "golden mismatch": (edit("golden_rows.json", other_risk), "golden rows give risks up to"),
    "golden nonsense": (edit("golden_rows.json", listed_value), "no list of rows"),
    "golden nan": (
        edit("golden_rows.json", lambda g: g[0].update(churn_risk=float("nan"))),
        "golden rows",
    ),
    "too few golden": (edit("golden_rows.json", lambda g: g.__delitem__(slice(3, None))), "3 rows"),
    "unknown key": (edit("bundle.json", lambda b: b.update(run="import os")), "run"),
    "wrong type": (edit("bundle.json", lambda b: b.update(family=3)), "family"),
    "later format": (edit("bundle.json", lambda b: b.update(format=2)), "format"),
    "other features": (edit("bundle.json", lambda b: b["features"].pop()), "different features"),
    "other width": (
        edit("bundle.json", lambda b: b["encoding"]["numeric"].pop()),
        "different features|do not belong to the matrix|leads nowhere",
    ),
    "no model": (
        edit("bundle.json", lambda b: b.update(linear=None, trees=None)),
        "either a linear model or trees",
    ),
    "unknown calibration": (
        edit("bundle.json", lambda b: b["calibration"].update(method="magic")),
        "calibration.method",
    ),
    "no card": (lambda f: (f / "model_card.md").unlink(), "lacks model_card.md"),
    "changed card": (
        lambda f: (f / "model_card.md").write_text("# Perfect\n"),
        "model_card.md is not the file",
    ),
    "empty model": (lambda f: ((f / "model.onnx").write_bytes(b""), seal(f)), "refuses|takes"),
    "deep json": (
        lambda f: ((f / "golden_rows.json").write_text("[" * 100_000), seal(f)),
        "not described validly",
    ),
}


def of_trees(change):
    return edit("bundle.json", lambda b: change(b["trees"]))


def first_split(trees):
    return next(i for i, feature in enumerate(trees["feature"]) if feature >= 0)


def to_itself(trees):
    place = first_split(trees)
    trees["left"][place] = place


def far_feature(trees):
    trees["feature"][first_split(trees)] = 10_000


BAD_OF = {
    "baseline": {
        **BAD,
        "short coefficients": (
            edit("bundle.json", lambda b: b["linear"]["means"].pop()),
            "do not belong to the matrix",
        ),
        "two models": (
            edit("bundle.json", lambda b: b.update(trees=LEAF)),
            "either a linear model or trees",
        ),
    },
    "candidate": {
        **BAD,
        "short tree list": (of_trees(lambda t: t["value"].pop()), "lists differ in length"),
        "circle": (of_trees(to_itself), "leads nowhere"),
        "far feature": (of_trees(far_feature), "leads nowhere"),
        "lost root": (of_trees(lambda t: t["roots"].pop()), "without a parent"),
        "no cover": (of_trees(lambda t: t["cover"].__setitem__(0, 0.0)), "without cover"),
    },
}
LEAF = {
    "roots": [0],
    "feature": [-1],
    "threshold": [0.0],
    "categorical": [False],
    "missing_left": [False],
    "left": [-1],
    "right": [-1],
    "value": [0.0],
    "cover": [1.0],
}


@pytest.mark.parametrize(
    ("model", "case"), [(model, case) for model, cases in BAD_OF.items() for case in cases]
)
def test_a_bad_bundle_is_refused(model, case, tmp_path):
    folder = tmp_path / model
    shutil.copytree(bundle_folder(model), folder)
    assert load_bundle(folder).digest == bundle(model).digest
    spoil, words = BAD_OF[model][case]
    spoil(folder)
    with pytest.raises(BundleError, match=words):
        load_bundle(folder)


@pytest.mark.parametrize("model", BAD_OF)
def test_a_copy_is_the_same_bundle(model, tmp_path):
    folder = tmp_path / "deep" / "production"
    assert copy_bundle(bundle_folder(model), folder) == bundle(model).digest
    for name in FILES:
        assert (folder / name).read_bytes() == (bundle_folder(model) / name).read_bytes()
    assert [path.name for path in folder.parent.iterdir()] == ["production"]


def test_a_copy_replaces_what_was_there(copy):
    copy_bundle(bundle_folder("candidate"), copy)
    assert load_bundle(copy).digest == bundle("candidate").digest
    assert [path.name for path in copy.parent.iterdir()] == ["baseline"]


@pytest.mark.parametrize("case", ["changed byte", "missing file", "golden mismatch", "symlink"])
def test_a_damaged_source_leaves_the_target(case, copy, tmp_path):
    target = tmp_path / "place" / "production"
    copy_bundle(bundle_folder("candidate"), target)
    spoil, words = BAD[case]
    spoil(copy)
    with pytest.raises(BundleError, match=words):
        copy_bundle(copy, target)
    assert load_bundle(target).digest == bundle("candidate").digest
    assert [path.name for path in target.parent.iterdir()] == ["production"]


def test_copying_from_nowhere_leaves_the_target(copy, tmp_path):
    with pytest.raises(BundleError, match="no model bundle"):
        copy_bundle(tmp_path / "none", copy)
    assert load_bundle(copy).digest == bundle().digest


def test_a_huge_file_is_refused_before_it_is_parsed(copy, monkeypatch):
    monkeypatch.setitem(bundles.FILES, "model.onnx", 100)
    with pytest.raises(BundleError, match=r"model.onnx is larger than"):
        load_bundle(copy)


def test_no_bundle_says_how_to_get_one(tmp_path):
    with pytest.raises(BundleError, match="dvc repro train_baseline"):
        load_bundle(tmp_path / "none")


def test_another_width_is_refused():
    model = (bundle_folder() / "model.onnx").read_bytes()
    with pytest.raises(BundleError, match="2 columns"):
        open_model(model, 2)


def test_a_loaded_bundle_scores(copy):
    loaded = load_bundle(copy, threads=2)
    golden = json.loads((copy / "golden_rows.json").read_text())
    row = golden[0]["row"]
    assert loaded.score(loaded.encode_rows([row]))[0] == pytest.approx(golden[0]["churn_risk"])
    assert loaded.version == hashlib.sha256((copy / SUMS).read_bytes()).hexdigest()[:12]
    columns = {name: np.array([value], dtype=object) for name, value in row.items()}
    assert loaded.encode(columns).shape == (1, loaded.meta.encoding.width)


def test_the_same_files_are_opened_once_and_read_every_time(copy, tmp_path):
    shutil.copytree(copy, tmp_path / "other")
    first = load_bundle(copy)
    assert load_bundle(tmp_path / "other") is first
    change_byte(copy)
    with pytest.raises(BundleError):
        load_bundle(copy)
    assert load_bundle(tmp_path / "other", threads=2) is not first


def test_nobody_is_told_that_a_model_is_used(tmp_path):
    """ONNX Runtime reports uses; where it may not keep what it could not send, it says so."""
    code = (
        "import sys; from pathlib import Path; from churn_mlops.registry.bundle import load_bundle;"
        "load_bundle(Path(sys.argv[1]))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", before + code, str(bundle_folder("candidate"))],
            env={"PATH": os.environ["PATH"], "HOME": "/proc"},  # with `CI` set it tells nobody
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        for before in ("", "import onnxruntime;")
    ]
    assert told[0] == ""
    assert "telemetry" in told[1], "the check itself"


def test_golden_rows_cover_the_odd_cases():
    golden = json.loads((bundle_folder() / "golden_rows.json").read_text())
    assert len(golden) >= 20
    assert any(all(value is None for value in entry["row"].values()) for entry in golden)
    unseen = {"\u2603 never seen"}
    assert any(unseen & set(map(str, entry["row"].values())) for entry in golden)


def rewrite(copy, folder):
    loaded = load_bundle(copy)
    return write_bundle(
        folder,
        model=(copy / "model.onnx").read_bytes(),
        meta=loaded.meta,
        profile=loaded.profile,
        golden=json.loads((copy / "golden_rows.json").read_text()),
        card=(copy / "model_card.md").read_text(encoding="utf-8"),
    )


def test_writing_what_was_read_gives_the_same_bytes(copy, tmp_path):
    digest = rewrite(copy, tmp_path / "again")
    assert digest == load_bundle(copy).digest
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (copy / name).read_bytes()


def test_writing_replaces_the_whole_and_leaves_nothing_beside(copy, tmp_path):
    folder = tmp_path / "place"
    folder.mkdir()
    (folder / "old").write_text("x")
    rewrite(copy, folder)
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_bundle_that_would_not_load_does_not_replace_one(copy):
    before = load_bundle(copy).digest
    with pytest.raises(BundleError):
        write_bundle(copy, model=b"", meta=load_bundle(copy).meta, profile=b"", golden=[], card="")
    assert load_bundle(copy).digest == before
    assert [path.name for path in copy.parent.iterdir()] == ["baseline"]


def test_sums_are_readable_by_sha256sum():
    for line in (bundle_folder() / SUMS).read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((bundle_folder() / name).read_bytes()).hexdigest() == digest


def test_nothing_personal_or_accidental_is_in_a_bundle():
    text = "".join((bundle_folder() / n).read_text() for n in FILES if n.endswith(".json"))
    assert str(bundle_folder().parents[2]) not in text
    assert '"user_id"' not in text
