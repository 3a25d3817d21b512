import numpy as np
import pyarrow as pa

from churn_mlops.data.synthetic_log import COURSES, EVENT_TYPES, Events, events_table

NONE = np.nan


def rows():
    return Events(
        event_id=np.array([1, 2]),
        user_id=np.array([7, 8]),
        time=np.array([0, 86_400 + 61]),
        kind=np.array([2, 4], np.int8),
        course=np.array([1, -1], np.int8),
        minutes=np.array([12.5, NONE]),
        score=np.array([NONE, NONE]),
        amount=np.array([NONE, 9.99]),
    )


def test_table_has_the_columns_types_and_nulls():
    table = events_table(rows(), np.datetime64("2025-01-01"), EVENT_TYPES)
    assert table.schema == pa.schema(
        {
            "event_id": pa.int64(),
            "user_id": pa.int64(),
            "event_time": pa.timestamp("s"),
            "event_type": pa.string(),
            "course_id": pa.string(),
            "watch_minutes": pa.float64(),
            "quiz_score": pa.float64(),
            "amount": pa.float64(),
        }
    )
    assert table["event_time"].cast(pa.string()).to_pylist() == [
        "2025-01-01 00:00:00",
        "2025-01-02 00:01:01",
    ]
    assert table["event_type"].to_pylist() == ["video_watch", "payment_success"]
    assert table["course_id"].to_pylist() == [COURSES[1], None]
    assert table["watch_minutes"].to_pylist() == [12.5, None]
    assert table["quiz_score"].to_pylist() == [None, None]
    assert table["amount"].to_pylist() == [None, 9.99]


def test_rows_can_be_taken_and_joined():
    both = Events.concat([rows(), rows().take(np.array([False, True]))])
    assert len(both) == 3
    assert both.user_id.tolist() == [7, 8, 8]
    assert both.kind.dtype == np.int8
