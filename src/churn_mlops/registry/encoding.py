"""Turns feature rows into the model's matrix; training and serving both call this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from churn_mlops.errors import BundleError

Style = Literal["linear", "tree"]
Columns = Mapping[str, np.ndarray]
Row = Mapping[str, object]

MISSING, OTHER = "<missing>", "<other>"
# Temporaries of an encode stay within a few tens of megabytes, however many rows come.
CHUNK_ROWS = 65_536


class Part(BaseModel):
    """A part of a bundle's description: immutable, strict about names and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Numeric(Part):
    """How a numeric feature enters the matrix.

    Parameters
    ----------
    default : float
        Stands in for a missing value: the training median.
    low, high : float
        Values beyond are taken as these (linear style): the 0.1 % and 99.9 % training quantiles.
    seen_minimum, seen_maximum : float
        Range of the training values.
    scale : {"linear", "log"}
        ``log`` enters as log(1 + x): counts and sums without an upper bound have heavy tails.
    missing : bool
        Values were missing in training, so that being missing has a matrix column of its own.
    """

    name: str
    default: float
    low: float
    high: float
    seen_minimum: float
    seen_maximum: float
    scale: Literal["linear", "log"]
    missing: bool


class Categorical(Part):
    """A categorical feature: its sorted categories; missing and unseen have slots of their own."""

    name: str
    categories: tuple[str, ...]


class Encoding(Part):
    """The one way from feature values to the matrix, built by `churn_mlops.training`.

    Style ``linear``: numeric columns filled, clipped and scaled, then 0/1 columns of missing
    values, then one 0/1 column per category. Style ``tree``: numeric columns as they are with NaN
    where missing, then one code per categorical feature: its place among the categories, their
    number for an unseen one, NaN where missing. Where training saw no missing value, no model has
    learnt what one means: the default stands in.
    """

    style: Style
    numeric: tuple[Numeric, ...]
    categorical: tuple[Categorical, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features, numeric ones first."""
        return (*self._numeric_names, *self._categorical_names)

    @cached_property
    def matrix_columns(self) -> tuple[tuple[str, str], ...]:
        """Per matrix column its name and the feature that it comes from."""
        columns = [(n.name, n.name) for n in self.numeric]
        if self.style == "tree":
            return (*columns, *((c.name, c.name) for c in self.categorical))
        columns += [(f"{n.name}={MISSING}", n.name) for n in self.numeric if n.missing]
        for c in self.categorical:
            columns += [(f"{c.name}={slot}", c.name) for slot in (*c.categories, MISSING, OTHER)]
        return tuple(columns)

    @cached_property
    def width(self) -> int:
        """Number of matrix columns."""
        return len(self.matrix_columns)

    def encode(self, columns: Columns) -> np.ndarray:
        """Turn columns into the matrix.

        Parameters
        ----------
        columns : mapping of str to array, each of shape (n,)
            Raw feature values by name; missing ones are NaN or None.

        Returns
        -------
        array of float32, shape (n, width)

        Raises
        ------
        BundleError
            A feature is absent, or holds something that is no number.
        """
        absent = [name for name in self.names if name not in columns]
        if absent:
            raise BundleError(
                f"the data lacks {len(absent)} of the model's features: {', '.join(absent)}",
                fix="build the features with the parameters that the model was trained with",
            )
        rows = len(columns[self.names[0]])
        matrix = np.zeros((rows, self.width), dtype=np.float32)
        for first in range(0, rows, CHUNK_ROWS):
            part = slice(first, first + CHUNK_ROWS)
            size = min(CHUNK_ROWS, rows - first)
            block = np.empty((size, len(self.numeric)))
            for i, n in enumerate(self.numeric):
                block[:, i] = _numbers(columns[n.name][part], n.name)
            values = [columns[c.name][part].tolist() for c in self.categorical]
            self._fill(matrix[part], block, values)
        return matrix

    def encode_rows(self, rows: Sequence[Row]) -> np.ndarray:
        """Turn rows into a matrix of shape (n, width); absent features count as missing.

        Raises
        ------
        BundleError
            A numeric feature holds something that is no number.
        """
        return self.matrix_of(self.numbers(rows), self.cells(rows))

    def numbers(self, rows: Sequence[Row]) -> np.ndarray:
        """The numeric features of rows, float64 of shape (n, number of them), NaN if missing.

        Raises
        ------
        BundleError
            One holds something that is no number.
        """
        whole, names = self._numeric_of, self._numeric_names
        try:
            try:
                given: list[Sequence[object]] = [whole(row) for row in rows]
            except KeyError:
                given = [[*map(row.get, names)] for row in rows]
            return np.array(given, dtype=np.float64).reshape(len(rows), len(names))
        except (TypeError, ValueError, OverflowError) as error:
            raise BundleError(f"a numeric feature holds something else: {error}") from error

    def cells(self, rows: Sequence[Row]) -> list[list[object]]:
        """The categorical features of rows, one list per feature, None if missing."""
        return [[row.get(name) for row in rows] for name in self._categorical_names]

    def matrix_of(self, numbers: np.ndarray, cells: list[list[object]]) -> np.ndarray:
        """Make the matrix of what `numbers` and `cells` give; the numbers are written over."""
        matrix = np.zeros((len(numbers), self.width), dtype=np.float32)
        self._fill(matrix, numbers, cells)
        return matrix

    def _fill(self, matrix: np.ndarray, block: np.ndarray, values: list[list[object]]) -> None:
        count = len(self.numeric)
        missing = np.isnan(block)
        if self.style == "tree":
            np.copyto(block, self._never_missing, where=missing)
            # Beyond the range of float32 lies infinity, which a tree splits like any large number.
            with np.errstate(over="ignore"):
                matrix[:, :count] = block
            if values:
                codes = [_codes(*pair) for pair in zip(self._slots, values, strict=True)]
                matrix[:, count:] = np.array(codes).T
            return
        default, low, high, log, indicated = self._arrays
        np.copyto(block, default, where=missing)
        np.maximum(block, low, out=block)
        np.minimum(block, high, out=block)
        block[:, log] = np.log1p(block[:, log])
        matrix[:, :count] = block
        offset = count + len(indicated)
        matrix[:, count:offset] = missing[:, indicated]
        places = np.arange(len(matrix))
        for slots, cells in zip(self._slots, values, strict=True):
            matrix[places, np.array(_codes(slots, cells)) + offset] = 1.0
            offset += len(slots) + 1

    @cached_property
    def _numeric_names(self) -> tuple[str, ...]:
        return tuple(n.name for n in self.numeric)

    @cached_property
    def _numeric_of(self) -> Callable[[Row], Sequence[object]]:
        """Takes all numeric features out of a row that has them."""
        names = self._numeric_names
        return itemgetter(*names) if len(names) > 1 else lambda row: [row[n] for n in names]

    @cached_property
    def _categorical_names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.categorical)

    @cached_property
    def _never_missing(self) -> np.ndarray:
        """Per numeric feature its default, or NaN where a missing value is one."""
        return np.array([np.nan if n.missing else n.default for n in self.numeric])

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        return (
            np.array([n.default for n in self.numeric]),
            np.array([n.low for n in self.numeric]),
            np.array([n.high for n in self.numeric]),
            np.array([i for i, n in enumerate(self.numeric) if n.scale == "log"], dtype=int),
            np.array([i for i, n in enumerate(self.numeric) if n.missing], dtype=int),
        )

    @cached_property
    def _slots(self) -> tuple[dict[object, float], ...]:
        """Per categorical feature: value to slot, or in tree style to code."""
        linear = self.style == "linear"
        return tuple(
            {**{v: i for i, v in enumerate(c.categories)}, None: len(c.categories)}
            if linear
            else {**{v: float(i) for i, v in enumerate(c.categories)}, None: np.nan}
            for c in self.categorical
        )


def _codes(slots: Mapping[object, float], cells: Sequence[object]) -> list[float]:
    # The slot after the last, the missing one included; the code that is the categories' number.
    unseen = len(slots) - (slots[None] != slots[None])
    # A cell that differs from itself is NaN, which is how some tables say "missing".
    return [slots.get(cell if cell == cell else None, unseen) for cell in cells]


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise BundleError(f"feature '{name}' must be numeric: {error}") from error
