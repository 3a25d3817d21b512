"""The drift reference: rows of the test days with their risks and labels, as one Parquet file.

The test days are those on which the model's worth was measured, out of sample; what production
is compared with must be what the promise was made on. The rows are at scoring grain (eligible
users, each on one day) and name nobody: `user` only tells which rows belong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from churn_mlops.errors import BundleError

REFERENCE_DAYS = 84
MAXIMUM_ROWS = 20_000
# Of the rows themselves; no feature can have such a name.
OWN = ("@as_of_date", "@user", "@churn_risk", "@churn_label")


@dataclass(frozen=True)
class Profile:
    """Rows of the reference days.

    Parameters
    ----------
    columns : mapping of str to array, each of shape (n,)
        Raw feature values; missing ones are NaN or None.
    days : array of datetime64[D], shape (n,)
    users : array of int, shape (n,)
        Rows with the same number are of one user.
    risks : array of float, shape (n,)
    labels : array of 0/1, shape (n,)
    """

    columns: Mapping[str, np.ndarray]
    days: np.ndarray
    users: np.ndarray
    risks: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.risks)

    def where(self, keep: np.ndarray) -> Profile:
        """Keep the rows that a mask marks."""
        columns = {name: values[keep] for name, values in self.columns.items()}
        rest = (self.days, self.users, self.risks, self.labels)
        return Profile(columns, *(values[keep] for values in rest))


def pack_profile(profile: Profile, seed: int) -> bytes:
    """Write the last `REFERENCE_DAYS` of the days, at most `MAXIMUM_ROWS` rows, as Parquet.

    The same rows and seed give the same bytes.
    """
    import pyarrow.parquet as pq

    last = np.unique(profile.days)[-REFERENCE_DAYS:]
    kept = profile.where(np.isin(profile.days, last))
    if len(kept) > MAXIMUM_ROWS:
        chosen = np.random.default_rng(seed).choice(len(kept), MAXIMUM_ROWS, replace=False)
        kept = kept.where(np.sort(chosen))
    own = (
        pa.array(kept.days, pa.date32()),
        pa.array(np.unique(kept.users, return_inverse=True)[1], pa.int32()),
        pa.array(kept.risks, pa.float64()),
        pa.array(kept.labels, pa.int8()),
    )
    table = pa.table(
        {
            **dict(zip(OWN, own, strict=True)),
            **{name: pa.array(values, from_pandas=True) for name, values in kept.columns.items()},
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def read_profile(body: bytes) -> Profile:
    """Read what `pack_profile` wrote.

    Raises
    ------
    BundleError
        It is no such file.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(body))
        days, users, risks, labels = (table[name].to_numpy() for name in OWN)
        columns = {name: table[name].to_numpy() for name in table.column_names if name not in OWN}
    except (pa.ArrowException, KeyError) as error:
        raise BundleError(
            f"reference_profile.parquet cannot be read: {error}", fix="train the model again"
        ) from error
    return Profile(columns, days.astype("datetime64[D]"), users, risks, labels)
