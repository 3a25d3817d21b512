"""``POST /predict``: one user, as fast as the model allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from churn_mlops.api.body import content_type, read
from churn_mlops.api.door import Receive, Scope, Send
from churn_mlops.api.intake import mistakes_of
from churn_mlops.api.patience import Patience
from churn_mlops.api.problems import ProblemError
from churn_mlops.api.schemas import Mistake
from churn_mlops.api.served import Served
from churn_mlops.api.state import State

JSON = b"application/json"


class Predict:
    """Answers ``POST /predict``; plain ASGI, since parsing JSON twice costs more than scoring.

    Parameters
    ----------
    state : State
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._most = state.serving.max_body_kb * 1024
        self._patience = Patience(state.serving.timeout_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, check, score, answer."""
        options = flags(scope, ("explain", "strict"))
        body = await read(scope, receive, self._most, self._patience)
        require_json(content_type(scope))
        served = self._state.served()
        scope["model_version"] = served.version
        try:
            asked: Any = served.validator.validate_json(body)
        except ValidationError as error:
            raise mistakes_of(error, served.names) from None
        answer = self._answer(served, asked, **options)
        self._state.note(served, asked, answer["churn_risk"], scope["request_id"])
        await respond(send, 200, to_json(answer))

    def _answer(self, served: Served, asked: Any, explain: bool, strict: bool) -> dict[str, Any]:
        features: Mapping[str, Any] = asked.features
        scored = served.score((features,))
        risk = scored.risks[0]
        imputed, beyond = scored.imputed.get(0, []), scored.out_of_range.get(0, [])
        unseen = scored.unseen.get(0, [])
        if strict and imputed:
            raise missing(imputed)
        metrics = self._state.metrics
        if imputed:
            metrics.imputed.count_all(scored.imputed)
        if beyond:
            metrics.out_of_range.count_all(scored.out_of_range)
        if unseen:
            metrics.unseen.count_all(scored.unseen)
        metrics.risk.observe(risk)
        metrics.scored(served.version, 1)
        answer = {
            "user_id": asked.user_id,
            "snapshot_date": asked.snapshot_date,
            "churn_risk": risk,
            "decision": served.decide(risk),
            "threshold": served.threshold,
            "model_version": served.version,
            "imputed": imputed,
            "out_of_range": beyond,
            "unseen": unseen,
        }
        if explain:
            answer["reasons"] = served.reasons(features, scored)
        return answer


def missing(names: list[str], where: str = "features") -> ProblemError:
    """The problem of a request that must not be imputed."""
    listed = [Mistake(where=f"{where}.{name}", message="is missing") for name in names]
    return ProblemError.of("missing-feature", "strict=true asks for every feature", listed)


def flags(scope: Scope, known: tuple[str, ...]) -> dict[str, bool]:
    """The query's switches, each off unless given as ``true``.

    Raises
    ------
    ProblemError
        A switch is unknown, or neither true nor false.
    """
    found = dict.fromkeys(known, False)
    query: bytes = scope["query_string"]
    if not query:
        return found
    for part in query.decode("latin-1").split("&"):
        name, _, value = part.partition("=")
        if not part:
            continue
        if name not in found:
            text = f"there is no such parameter; known are {', '.join(known)}"
            raise _query(name, text)
        if value not in ("true", "false"):
            raise _query(name, "must be true or false")
        found[name] = value == "true"
    return found


def _query(name: str, text: str) -> ProblemError:
    return ProblemError.of(
        "invalid-request",
        "the query has a mistake",
        [Mistake(where=f"query.{name[:64]}", message=text)],
    )


def require_json(kind: str) -> None:
    """Raise a problem unless a media type is JSON."""
    if kind != "application/json":
        raise ProblemError.of(
            "unsupported-media-type", "send the body with 'Content-Type: application/json'"
        )


async def respond(send: Send, status: int, body: bytes, kind: bytes = JSON) -> None:
    """Send a whole answer."""
    length = str(len(body)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", kind), (b"content-length", length)],
        }
    )
    await send({"type": "http.response.body", "body": body})
