from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from churn_mlops.inference import tree_shap, tree_tables
from churn_mlops.inference.tree_shap import TreeContributions
from churn_mlops.registry.meta import Trees
from churn_mlops.training.boosted_trees import trees_of
from tests.grown import grown, raw_score

SHAPES = [
    {"seed": 0},
    {"seed": 1, "leaves": 31, "depth": 12},
    {"seed": 2, "leaves": 2},
    {"seed": 3, "gaps": False},
]


def explained(shape):
    booster, matrix = grown(**shape)
    return booster, matrix, TreeContributions(trees_of(booster.dump_model()), matrix.shape[1])


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_to_lightgbms_own(shape):
    booster, matrix, contributions = explained(shape)
    expected = booster.predict(matrix, pred_contrib=True)
    assert np.abs(contributions.many(matrix) - expected[:, :-1]).max() < 1e-9
    assert contributions.base == pytest.approx(expected[0, -1], abs=1e-9)


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_equal_however_the_trees_are_cut(bits, monkeypatch):
    monkeypatch.setattr(tree_tables, "INDEX_BITS", bits)
    booster, matrix, contributions = explained(SHAPES[1])
    expected = booster.predict(matrix, pred_contrib=True)[:, :-1]
    assert np.abs(contributions.many(matrix) - expected).max() < 1e-9
    assert np.abs(contributions.one(matrix[7:8]) - expected[7:8]).max() < 1e-9


@pytest.mark.parametrize("shape", SHAPES)
def test_they_add_up_to_the_raw_score(shape):
    _, matrix, contributions = explained(shape)
    probe = np.vstack([matrix[:200], np.full((1, 7), np.nan, dtype=np.float32)])
    probe[5] = np.float32(3e38)
    probe[6, -1] = 99
    total = contributions.base + contributions.many(probe).sum(axis=1)
    assert total == pytest.approx(
        raw_score(trees_of(grown(**shape)[0].dump_model()), probe), abs=1e-9
    )


def test_a_row_alone_is_a_row_among_others(monkeypatch):
    monkeypatch.setattr(tree_shap, "CHUNK_ROWS", 64)
    _, matrix, contributions = explained(SHAPES[0])
    together = contributions.many(matrix[:150])
    for i in range(0, 150, 7):
        assert np.array_equal(contributions.many(matrix[i : i + 1])[0], together[i])
        assert contributions.one(matrix[i : i + 1])[0] == pytest.approx(together[i], abs=1e-12)


def test_no_rows():
    _, _, contributions = explained(SHAPES[0])
    assert contributions.many(np.empty((0, 7), dtype=np.float32)).shape == (0, 7)


def test_trees_of_one_leaf_add_to_the_base_only():
    trees = Trees(
        roots=(0, 1),
        feature=(-1, -1),
        threshold=(0.0, 0.0),
        categorical=(False, False),
        missing_left=(False, False),
        left=(-1, -1),
        right=(-1, -1),
        value=(0.25, 0.5),
        cover=(1.0, 1.0),
    )
    contributions = TreeContributions(trees, 2)
    row = np.zeros((1, 2), dtype=np.float32)
    assert contributions.base == 0.75
    assert not contributions.many(row).any()
    assert not contributions.one(row).any()


def test_explaining_needs_no_training_library():
    code = (
        "import sys; import churn_mlops.inference.explain;"
        "bad = {'lightgbm', 'sklearn', 'scipy', 'pandas', 'mlflow', 'onnx'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
