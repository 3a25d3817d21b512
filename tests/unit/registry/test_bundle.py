from __future__ import annotations

import hashlib
import json
import os
import shutil

import numpy as np
import pytest
from onnx import TensorProto, helper

from churn_mlops.errors import BundleError
from churn_mlops.registry import bundle as bundles
from churn_mlops.registry.bundle import FILES, SUMS, load_bundle, open_model, write_bundle
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
    "short coefficients": (
        edit("bundle.json", lambda b: b["linear"]["means"].pop()),
        "do not belong to the matrix",
    ),
    "other features": (edit("bundle.json", lambda b: b["features"].pop()), "different features"),
    "other width": (
        edit("bundle.json", lambda b: (b["encoding"]["numeric"].pop(), b.update(linear=None))),
        "different features",
    ),
    "empty model": (lambda f: ((f / "model.onnx").write_bytes(b""), seal(f)), "refuses|takes"),
    "deep json": (
        lambda f: ((f / "golden_rows.json").write_text("[" * 100_000), seal(f)),
        "not described validly",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_bundle_is_refused(case, copy):
    spoil, words = BAD[case]
    spoil(copy)
    with pytest.raises(BundleError, match=words):
        load_bundle(copy)


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
    assert loaded.score(loaded.encode_row(row))[0] == pytest.approx(golden[0]["churn_risk"])
    assert loaded.version == hashlib.sha256((copy / SUMS).read_bytes()).hexdigest()[:12]
    columns = {name: np.array([value], dtype=object) for name, value in row.items()}
    assert loaded.encode(columns).shape == (1, loaded.meta.encoding.width)


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
        write_bundle(copy, model=b"", meta=load_bundle(copy).meta, profile={}, golden=[])
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
