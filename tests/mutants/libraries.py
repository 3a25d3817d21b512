"""The libraries that tests of mutants need, loaded once before processes are forked.

Nothing of this project may be loaded here: each fork has a copy of the code of its own.
"""

import duckdb
import fastapi
import httpx
import hypothesis
import ibis
import lightgbm
import numpy
import onnx
import onnxruntime
import pandas
import pyarrow.compute
import pyarrow.parquet
import pydantic
import pytest
import scipy.stats
import sklearn.linear_model
import structlog
import typer

LOADED = (
    duckdb, fastapi, httpx, hypothesis, ibis.duckdb, lightgbm, numpy, onnx, onnxruntime, pandas,
    pyarrow.compute, pyarrow.parquet, pydantic, pytest, scipy.stats, sklearn.linear_model,
    structlog, typer,
)  # fmt: skip
