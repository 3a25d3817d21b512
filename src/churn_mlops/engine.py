"""Opens the Ibis backend that does all table work: DuckDB, or Spark for a cluster."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, TypeAlias

import ibis

from churn_mlops.errors import ContractError, EngineError
from churn_mlops.object_store import unreadable
from churn_mlops.params import Params

# Ibis backends share no static type that carries their readers and writers.
Engine: TypeAlias = Any


@contextlib.contextmanager
def connect(params: Params) -> Iterator[Engine]:
    """Open the engine that ``params.engine`` names and close it after use.

    Raises
    ------
    EngineError
        The engine cannot be started, or ran out of memory or disk.
    """
    opened = embedded(params) if params.engine == "duckdb" else _spark(params)
    with opened as con:
        yield con


def value(con: Engine, expression: Any) -> Any:
    """Compute one value; unlike ``execute`` this does not import pandas."""
    return con.to_pyarrow(expression).as_py()


@contextlib.contextmanager
def embedded(params: Params) -> Iterator[Engine]:
    """Open DuckDB in memory; what does not fit into its limit goes to a temporary directory.

    Raises
    ------
    EngineError, ContractError
        See `explained`.
    """
    spill = tempfile.mkdtemp(prefix="churn-spill-")
    con = ibis.duckdb.connect(
        threads=params.duckdb.threads,
        memory_limit=params.duckdb.memory_limit,
        temp_directory=spill,
        autoinstall_known_extensions=False,
    )
    con.raw_sql("SET enable_progress_bar = false")
    try:
        with explained(params):
            yield con
    finally:
        con.disconnect()
        shutil.rmtree(spill, ignore_errors=True)


@contextlib.contextmanager
def explained(params: Params) -> Iterator[None]:
    """Turn DuckDB's errors into ours.

    Raises
    ------
    EngineError
        It ran out of memory or disk.
    ContractError
        A table's file is damaged; the message names it.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise EngineError(
            f"DuckDB needs more than duckdb.memory_limit ({params.duckdb.memory_limit}): {error}",
            fix="raise duckdb.memory_limit or lower duckdb.rows_per_part",
        ) from error
    except duckdb.ConversionException as error:
        raise ContractError(
            f"a table holds what its column cannot: {error}",
            fix="look at the line that the message names; run the stage that wrote it again",
        ) from error
    except duckdb.InvalidInputException as error:
        raise ContractError(
            f"a table cannot be read: {error}",
            fix="make it anew as a whole: `dvc repro -f` with the stage that writes it",
        ) from error
    except duckdb.Error as error:
        # Files in a store are read by Python for DuckDB, which passes on what that has to say.
        if "Traceback" not in str(error):
            raise
        raise unreadable(str(params.tables.location), error) from error


@contextlib.contextmanager
def _spark(params: Params) -> Iterator[Engine]:
    from churn_mlops import cluster

    with cluster.session(params) as session, cluster.explained(params):
        from churn_mlops import spark_backend

        yield spark_backend.connect(session, params)
