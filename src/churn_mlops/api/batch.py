"""``POST /predict/batch``: many users in one call of the model; JSON, NDJSON or Arrow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

from pydantic import ValidationError
from pydantic_core import to_json

from churn_mlops.api.arrow_batch import score_stream
from churn_mlops.api.body import chunks, content_type, read
from churn_mlops.api.door import Receive, Scope, Send
from churn_mlops.api.intake import mistakes_of
from churn_mlops.api.patience import Patience
from churn_mlops.api.predict import flags, missing, respond
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.served import Scored, Served
from churn_mlops.api.state import State

P = ParamSpec("P")
T = TypeVar("T")

NDJSON = b"application/x-ndjson"
ARROW = b"application/vnd.apache.arrow.stream"
# Rows of a stream that are scored together.
STREAM_ROWS = 500


class PredictBatch:
    """Answers ``POST /predict/batch`` by the content type of the request.

    Parameters
    ----------
    state : State
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._most = state.serving.max_batch_mb << 20
        self._line = state.serving.max_body_kb * 1024
        # One thread, beside the event loop, so that single users do not wait for a batch: several
        # would only take Python's lock from each other.
        self._thread = ThreadPoolExecutor(1, "batch")
        self._patience = Patience(state.serving.timeout_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, check, score, answer."""
        kind = content_type(scope)
        strict = flags(scope, ("strict",))["strict"]
        if kind == NDJSON.decode():
            await self._stream(scope, receive, send, strict)
            return
        if kind not in ("application/json", ARROW.decode()):
            raise ProblemError.of(
                "unsupported-media-type",
                f"send rows as application/json, {NDJSON.decode()} or {ARROW.decode()}",
            )
        body = await read(scope, receive, self._most, self._patience)
        served = self._state.served()
        scope["model_version"] = served.version
        if kind == "application/json":
            asked, scored, answer = await self._beside(_score_json, served, body, strict)
            self._count(served, scored)
            for one, risk in zip(asked, scored.risks, strict=True):
                self._state.note(served, one, risk, scope["request_id"])
            await respond(send, 200, answer)
        else:
            most = self._state.serving.max_batch_rows
            arrow = await self._beside(score_stream, served, body, strict, most)
            metrics = self._state.metrics
            metrics.scored(served.version, len(arrow.risks))
            metrics.observe_risks(arrow.risks)
            for counter, counts in (
                (metrics.imputed, arrow.imputed),
                (metrics.out_of_range, arrow.out_of_range),
                (metrics.unseen, arrow.unseen),
            ):
                for name, count in counts.items():
                    counter.count(name, count)
            await respond(send, 200, arrow.body, ARROW)

    async def _beside(self, call: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(call, *given, **named))

    def _count(self, served: Served, scored: Scored) -> None:
        metrics = self._state.metrics
        metrics.scored(served.version, len(scored.risks))
        metrics.observe_risks(scored.risks)
        metrics.imputed.count_all(scored.imputed)
        metrics.out_of_range.count_all(scored.out_of_range)
        metrics.unseen.count_all(scored.unseen)

    async def _stream(self, scope: Scope, receive: Receive, send: Send, strict: bool) -> None:
        """Answer line by line; a bad line is answered by a problem and the others go on.

        Each part is scored by the champion of its moment: a stream may live longer than one.
        """
        headers = [(b"content-type", NDJSON)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        number = 0
        async for lines in self._groups(receive):
            served = self._state.served()
            scope["model_version"] = served.version
            part = await self._beside(
                score_lines, served, lines, number, strict, scope["request_id"]
            )
            number += len(lines)
            if part.scored is not None:
                self._count(served, part.scored)
                for one, risk in zip(part.asked, part.scored.risks, strict=True):
                    self._state.note(served, one, risk, scope["request_id"])
            await send({"type": "http.response.body", "body": part.body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _groups(self, receive: Receive) -> AsyncIterator[list[Line]]:
        """Groups of lines; a sender who falls silent is told so on the last one."""
        try:
            async for lines in _lines(chunks(receive, self._patience), self._line):
                yield lines
        except ProblemError as problem:
            yield [problem]


Line = bytes | ProblemError


@dataclass(frozen=True)
class Part:
    """A part of a stream: its answer, and what was scored for it."""

    body: bytes
    asked: Sequence[Any]
    scored: Scored | None


def score_lines(
    served: Served, lines: Sequence[Line], before: int, strict: bool, request_id: str
) -> Part:
    """Answer lines of NDJSON, a bad one by its problem.

    Parameters
    ----------
    served : Served
    lines : sequence of bytes or ProblemError
        The latter for a line that could not be taken.
    before : int
        Lines of the stream before these.
    strict : bool
    request_id : str
    """
    answers: dict[int, bytes] = {}
    asked: list[Any] = []
    places: list[int] = []

    def refuse(place: int, problem: ProblemError) -> None:
        told = {"line": before + place + 1, "problem": problem.problem(request_id).model_dump()}
        answers[place] = to_json(told)

    for place, line in enumerate(lines):
        if isinstance(line, ProblemError):
            refuse(place, line)
            continue
        try:
            one: Any = served.validator.validate_json(line)
        except ValidationError as error:
            refuse(place, mistakes_of(error, served.names))
            continue
        if strict and (gaps := served.imputed_in(one.features)):
            refuse(place, missing(gaps))
            continue
        asked.append(one)
        places.append(place)
    scored = served.score([one.features for one in asked]) if asked else None
    if scored is not None:
        for place, answer in zip(places, answers_of(served, asked, scored), strict=True):
            answers[place] = to_json(answer)
    body = b"".join(answers[place] + b"\n" for place in range(len(lines)))
    return Part(body, asked, scored)


def _score_json(served: Served, body: bytes, strict: bool) -> tuple[Sequence[Any], Scored, bytes]:
    try:
        asked: Any = served.batch.__pydantic_validator__.validate_json(body)
    except ValidationError as error:
        raise mistakes_of(error, served.names) from None
    scored = served.score([one.features for one in asked.rows])
    if strict and scored.imputed:
        place, names = next(iter(scored.imputed.items()))
        raise missing(names, f"rows.{place}.features")
    answer = {
        "model_version": served.version,
        "threshold": served.threshold,
        "predictions": answers_of(served, asked.rows, scored),
    }
    return asked.rows, scored, to_json(answer)


def answers_of(served: Served, asked: Sequence[Any], scored: Scored) -> list[dict[str, Any]]:
    """The answers to rows, in their order."""
    none: list[str] = []
    imputed, beyond, unseen = scored.imputed, scored.out_of_range, scored.unseen
    version, threshold = served.version, served.threshold
    return [
        {
            "user_id": one.user_id,
            "snapshot_date": one.snapshot_date,
            "churn_risk": risk,
            "decision": served.decide(risk),
            "threshold": threshold,
            "model_version": version,
            "imputed": imputed.get(i, none),
            "out_of_range": beyond.get(i, none),
            "unseen": unseen.get(i, none),
        }
        for i, (one, risk) in enumerate(zip(asked, scored.risks, strict=True))
    ]


async def _lines(parts: AsyncIterator[bytes], most: int) -> AsyncIterator[list[Line]]:
    """Cut a stream into groups of lines, none longer than `most` bytes.

    A group ends with what has arrived, so that a sender who waits for answers gets them.
    """
    too_long = ProblemError.of("too-large", f"a line may have {most / 1024:g} KB")
    rest = b""
    skipping = False
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        group: list[Line] = []
        for line in whole:
            group.append(too_long if skipping or len(line) > most else line)
            skipping = False
            if len(group) == STREAM_ROWS:
                yield group
                group = []
        if group:
            yield group
        if len(rest) > most:
            rest, skipping = b"", True
    if rest or skipping:
        yield [too_long if skipping else rest]
