"""Which messages were delivered, and where to: artifacts/monitoring/alerts/DATE.json.

Written after each delivery: a process that is killed in between may tell twice, never not at all.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import structlog

from churn_mlops.files import write_json
from churn_mlops.monitoring.message import Message
from churn_mlops.params import Params

log = structlog.get_logger()


def told_path(params: Params, day: date) -> Path:
    """Where the messages of a day are noted."""
    return Path(params.paths.artifacts) / "monitoring" / "alerts" / f"{day}.json"


def told(params: Params, day: date, message: Message) -> set[str]:
    """The channels that have had a message of a day."""
    found = [one for one in _messages(told_path(params, day)) if one["id"] == message.id]
    return {channel for one in found for channel in one["delivered"]}


def note(params: Params, day: date, message: Message, channel: str) -> None:
    """Note that a channel has taken a message."""
    path = told_path(params, day)
    messages = _messages(path)
    mine = next((one for one in messages if one["id"] == message.id), None)
    if mine is None:
        mine = {"id": message.id, "title": message.title, "delivered": {}}
        messages.append(mine)
    mine["delivered"][channel] = datetime.now(UTC).isoformat(timespec="seconds")
    write_json(path, {"as_of_date": day.isoformat(), "messages": messages})


def _messages(path: Path) -> list[dict[str, Any]]:
    """What is noted; nothing when the file is damaged, for telling twice is better than not."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["messages"]
        sound = all(
            isinstance(one["id"], str)
            and isinstance(one["title"], str)
            and isinstance(one["delivered"], dict)
            for one in found
        )
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("what was told cannot be read", path=str(path), error=repr(error))
        return []
    if not sound:
        log.warning("what was told cannot be read", path=str(path), error="wrong types")
        return []
    return list(found)
