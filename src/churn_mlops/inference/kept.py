"""What was predicted, kept until it is known what happened.

DVC empties data/predictions before the stage runs anew, so every scored batch is also written to
data/scored/DATE_VERSION.parquet: user, day, risk, decision and model. Like the ledger of decisions
these files are none of DVC's: no run removes them and no cache brings older ones back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from churn_mlops.errors import ContractError, NotEnoughDataError
from churn_mlops.files import replacing
from churn_mlops.inference.predictions import latest_path

if TYPE_CHECKING:
    import numpy as np

    from churn_mlops.params import Churn, Params

COLUMNS = ("user_id", "as_of_date", "churn_risk", "decision", "model_version")
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})_([0-9a-z]+)\.parquet")
_LABEL = b"churn_label"
_SCORE_AGAIN = "score the day again: `churn batch-score`"


@dataclass(frozen=True)
class Kept:
    """A kept batch that has not been read yet."""

    day: date
    version: str
    path: Path

    def read(self) -> Batch:
        """Read the batch.

        Raises
        ------
        ContractError
            The file is damaged or holds another batch than its name says.
        """
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self.path)
            meaning = json.loads((table.schema.metadata or {})[_LABEL])
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise _no_batch(self.path, error) from error
        batch = _checked(table, meaning, self.path)
        if (batch.day, batch.version) != (self.day, self.version):
            raise ContractError(
                f"{self.path} holds the predictions of {batch.day} by {batch.version}",
                fix="give the file its own name back or remove it",
            )
        return batch

    def users(self) -> int:
        """How many users it has, told without reading them.

        Raises
        ------
        ContractError
            The file is damaged.
        """
        import pyarrow.parquet as pq

        try:
            return int(pq.read_metadata(self.path).num_rows)
        except (pa.ArrowException, OSError) as error:
            raise _no_batch(self.path, error) from error


@dataclass(frozen=True)
class Batch:
    """A day's predictions.

    Parameters
    ----------
    day : date
    version : str
        Of the model.
    users : pyarrow Array
        Each once.
    risks : array of float in [0, 1], shape (n,)
    decisions : array of str, shape (n,)
        contact, hold_out or none.
    meaning : dict
        What counts as churn, see `meaning_of`.
    """

    day: date
    version: str
    users: pa.Array
    risks: np.ndarray
    decisions: np.ndarray
    meaning: dict[str, Any]

    def __len__(self) -> int:
        return len(self.risks)

    def found_in(self, users: pa.Array, table: str) -> tuple[np.ndarray, pa.Array]:
        """Look the batch's users up in another table of the same day.

        Parameters
        ----------
        users : pyarrow Array
            The table's, each once.
        table : str
            Its name, for messages.

        Returns
        -------
        array of bool, shape (len(self),)
            Who is there.
        pyarrow Array
            Their places in the table, in the order of the batch.

        Raises
        ------
        ContractError
            The type of user_id has changed since.
        """
        import pyarrow.compute as pc

        if users.type != self.users.type:
            raise ContractError(
                f"the predictions of {self.day} have user ids of type {self.users.type},"
                f" {table} of type {users.type}",
                fix="set data.user_id back, or remove the old files from data/scored",
            )
        place = pc.index_in(self.users, value_set=users)
        return place.is_valid().to_numpy(zero_copy_only=False), place.drop_null()


def meaning_of(churn: Churn) -> dict[str, Any]:
    """What a label says; predictions can only be graded by labels of the same meaning."""
    events = None if churn.active_events is None else list(churn.active_events)
    return {"window_days": churn.window_days, "active_events": events}


def folder(params: Params) -> Path:
    """Where the kept batches lie."""
    return Path(params.paths.data) / "scored"


def kept_path(params: Params, day: date, version: str) -> Path:
    """Where the batch of a day by a model is kept."""
    return folder(params) / f"{day}_{version}.parquet"


def kept(params: Params) -> list[Kept]:
    """All kept batches, the oldest first; files with other names are passed over."""
    found = []
    for path in sorted(folder(params).glob("*.parquet")):
        match = _NAME.fullmatch(path.name)
        if match:
            found.append(Kept(date.fromisoformat(match[1]), match[2], path))
    return found


def keep(
    batches: Iterable[pa.RecordBatch], params: Params, day: date, version: str, churn: Churn
) -> Kept:
    """Keep a batch; the same rows give the same bytes, and take the place of an earlier file.

    Parameters
    ----------
    batches : iterable of pyarrow RecordBatch
        Rows with `COLUMNS`, in the order of user_id.
    params : Params
    day : date
    version : str
        Of the model.
    churn : Churn
        What the model was trained to foretell.
    """
    import pyarrow.parquet as pq

    path = kept_path(params, day, version)
    id_type = pa.string() if params.data.user_id == "text" else pa.int64()
    types = (id_type, pa.date32(), pa.float64(), pa.string(), pa.string())
    meaning = json.dumps(meaning_of(churn), sort_keys=True).encode()
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)), {_LABEL: meaning})
    with replacing(path) as beside, pq.ParquetWriter(beside, schema, compression="zstd") as writer:
        for batch in batches:
            rows = pa.Table.from_batches([batch]).select(COLUMNS)
            writer.write_table(rows.cast(schema.remove_metadata()).cast(schema))
    return Kept(day, version, path)


def keep_latest(params: Params) -> Kept:
    """The batch of batch_predictions_latest, which is kept now if it was not yet.

    DVC may have brought it back from its cache without running the stage. What it means by churn is
    what its model was trained to foretell, whatever the parameters say by now.

    Raises
    ------
    ContractError
        There is none, it is not what batch_score writes, or it has to be kept and is of another
        model than the champion, of which nobody can say what it means by churn.
    NotEnoughDataError
        It has no rows.
    BundleError
        It has to be kept and there is no sound champion.
    """
    from churn_mlops.registry.champion import load_champion

    path = latest_path(params)
    table = _read_latest(path, params)
    batch = _checked(table, meaning_of(params.churn), path)
    place = kept_path(params, batch.day, batch.version)
    if place.exists():
        return Kept(batch.day, batch.version, place)
    bundle = load_champion(params)
    if batch.version != bundle.version:
        raise ContractError(
            f"{path} was not kept, and is of the model {batch.version}; the champion is"
            f" {bundle.version}",
            fix="score with the champion: `dvc repro batch_score`",
        )
    ordered = table.sort_by("user_id")
    return keep(ordered.to_batches(), params, batch.day, batch.version, bundle.meta.label)


def _no_batch(path: Path, error: Exception) -> ContractError:
    return ContractError(
        f"{path} is no kept batch: {error}",
        fix=f"remove it; while its day is in the data, {_SCORE_AGAIN}",
    )


def _read_latest(path: Path, params: Params) -> pa.Table:
    if not path.exists():
        raise ContractError(f"there is no {path}", fix="score a day first: `dvc repro batch_score`")
    id_type = pa.string() if params.data.user_id == "text" else pa.int64()
    kinds = (id_type, pa.date32(), pa.float64(), pa.string(), pa.string())
    types = dict(zip(COLUMNS, kinds, strict=True))
    try:
        if params.tables.format == "csv":
            from pyarrow import csv

            options = csv.ConvertOptions(column_types=types, include_columns=list(COLUMNS))
            return csv.read_csv(path, convert_options=options)
        import pyarrow.parquet as pq

        return pq.read_table(path, columns=list(COLUMNS)).select(COLUMNS).cast(pa.schema(types))
    except (pa.ArrowException, KeyError, OSError) as error:
        raise ContractError(f"{path} cannot be read: {error}", fix=_SCORE_AGAIN) from error


def _checked(table: pa.Table, meaning: dict[str, Any], path: Path) -> Batch:
    """The rows as a batch, or what is wrong with them."""
    import numpy as np
    import pyarrow.compute as pc

    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise ContractError(f"{path} lacks {', '.join(missing)}", fix=_SCORE_AGAIN)
    if len(table) == 0:
        raise NotEnoughDataError(f"{path} has no users", fix="score a day that has eligible users")
    risks = table["churn_risk"].to_numpy()
    wrong = int(np.sum(~((risks >= 0) & (risks <= 1))))
    if wrong:
        raise ContractError(
            f"{path}: {wrong:,} of {len(risks):,} risks are no probability between 0 and 1",
            fix=_SCORE_AGAIN,
        )
    for name in ("as_of_date", "model_version"):
        count = pc.count_distinct(table[name], mode="all").as_py()
        if count != 1 or table[name][0].as_py() is None:
            raise ContractError(
                f"{path} mixes {count} values of {name}; a batch has one", fix=_SCORE_AGAIN
            )
    users = table["user_id"].combine_chunks()
    if pc.count_distinct(users).as_py() != len(table):
        raise ContractError(f"{path} has a user twice or without an id", fix=_SCORE_AGAIN)
    decisions = table["decision"].to_numpy()
    day, version = table["as_of_date"][0].as_py(), table["model_version"][0].as_py()
    return Batch(day, version, users, risks, decisions, meaning)
