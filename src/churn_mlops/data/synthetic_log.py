"""The event log: its vocabulary, rows as columns, and the table made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from churn_mlops.data.synthetic_chain import States
from churn_mlops.data.synthetic_population import Floats, labels
from churn_mlops.data.synthetic_signups import Ints

EVENT_TYPES = (
    "login",
    "course_enroll",
    "video_watch",
    "quiz_attempt",
    "payment_success",
    "payment_failed",
    "support_ticket",
)
LOGIN, ENROLL, VIDEO, QUIZ, PAID, UNPAID, TICKET = range(len(EVENT_TYPES))

COURSES = (
    "python-basics",
    "sql-for-analysts",
    "statistics-one",
    "excel-to-pandas",
    "machine-learning",
    "data-visualisation",
    "web-backends",
    "deep-learning",
    "git-and-shell",
    "cloud-foundations",
)

SECONDS_PER_DAY = 86_400
DAY_ID, BLOCK_ID = 10**11, 10**6
"""event_id = day * DAY_ID + block * BLOCK_ID + place; a day of a block has fewer than BLOCK_ID."""


@dataclass(frozen=True)
class Events:
    """Rows of the log as columns of equal length.

    Attributes
    ----------
    event_id, user_id : int64 arrays
    time : int64 array
        Seconds from the first midnight of the log, UTC.
    kind : int8 array
        Position in the list of event types.
    course : int8 array
        Position in `COURSES`; -1 for none.
    minutes, score, amount : float64 arrays
        Minutes, points and currency; NaN for none.
    """

    event_id: Ints
    user_id: Ints
    time: Ints
    kind: States
    course: States
    minutes: Floats
    score: Floats
    amount: Floats

    def __len__(self) -> int:
        return len(self.event_id)

    def take(self, rows: npt.NDArray[Any]) -> Self:
        """Rows by position or by flag."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def concat(cls, parts: Sequence[Events]) -> Events:
        """One after the other."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


def events_table(events: Events, start: np.datetime64, event_types: tuple[str, ...]) -> pa.Table:
    """Build the events table.

    Parameters
    ----------
    events : Events
    start : datetime64
        First day of the log.
    event_types : tuple of str
        Names of the kinds.

    Returns
    -------
    pa.Table
        event_id, user_id, event_time, event_type, course_id, watch_minutes, quiz_score, amount.
    """
    return pa.table(
        {
            "event_id": pa.array(events.event_id),
            "user_id": pa.array(events.user_id),
            "event_time": pa.array(start.astype("M8[s]") + events.time.astype("m8[s]")),
            "event_type": labels(events.kind, event_types),
            "course_id": labels(np.maximum(events.course, 0), COURSES, missing=events.course < 0),
            "watch_minutes": pa.array(events.minutes, from_pandas=True),
            "quiz_score": pa.array(events.score, from_pandas=True),
            "amount": pa.array(events.amount, from_pandas=True),
        }
    )
