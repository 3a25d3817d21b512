"""The client for plain code."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from types import TracebackType
from typing import Any, Self

import httpx

from churn_mlops.api.schemas import (
    ModelDescription,
    Prediction,
    Predictions,
    Readiness,
    ScoredUser,
)
from churn_mlops.client import calls
from churn_mlops.client.calls import ROWS_PER_REQUEST, Call, LineProblem
from churn_mlops.client.retry import Retry


class Client:
    """Asks the API; one instance keeps its connections open, may be shared by threads.

    All calls raise `ApiError` when the API refuses, `ApiUnavailableError` when it cannot be
    reached or stays too busy.

    Parameters
    ----------
    base_url : str
        Such as ``http://127.0.0.1:8000``.
    api_key : str, optional
    timeout : float
        Seconds, of one attempt.
    retries : int
        Further attempts when the API cannot be reached or is busy.
    transport : httpx.BaseTransport, optional
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = 5.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(
            base_url=base_url, headers=headers, timeout=timeout, transport=transport
        )
        self._retry = Retry(retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def predict(
        self,
        user_id: int | str,
        features: Mapping[str, Any],
        *,
        snapshot_date: date | str | None = None,
        explain: bool = False,
        strict: bool = False,
    ) -> Prediction:
        """How likely a user is to leave.

        Parameters
        ----------
        user_id : int or str
        features : mapping
            By name; NaN and None are missing.
        snapshot_date : date or str, optional
            The day that the features describe.
        explain : bool
            Give the reasons, too.
        strict : bool
            Refuse missing features instead of imputing them.
        """
        call = calls.predict(user_id, features, snapshot_date, explain, strict)
        return Prediction.model_validate_json(self._ask(call).content)

    def predict_batch(
        self, rows: Iterable[Mapping[str, Any]], *, strict: bool = False
    ) -> Predictions:
        """Many users at once.

        Parameters
        ----------
        rows : iterable of mapping
            Each with ``user_id``, ``features`` and, if known, ``snapshot_date``.
        strict : bool
        """
        return Predictions.model_validate_json(self._ask(calls.predict_batch(rows, strict)).content)

    def predict_stream(
        self,
        rows: Iterable[Mapping[str, Any]],
        *,
        strict: bool = False,
        rows_per_request: int = ROWS_PER_REQUEST,
    ) -> Iterator[Prediction | LineProblem]:
        """Any number of users, some at a time; a bad row is answered by its problem.

        Parameters
        ----------
        rows : iterable of mapping
            As for `predict_batch`; taken as the answers are.
        strict : bool
        rows_per_request : int
            Held in memory at a time.
        """
        source, before = iter(rows), 0
        while some := list(itertools.islice(source, rows_per_request)):
            answer = self._ask(calls.predict_lines(some, strict))
            yield from calls.lines(answer.content, before)
            before += len(some)

    def predict_arrow(self, table: Any, *, strict: bool = False) -> Any:
        """Many users as a pyarrow Table.

        Parameters
        ----------
        table : pyarrow.Table
            ``user_id`` and the features as columns.
        strict : bool

        Returns
        -------
        pyarrow.Table
            user_id, churn_risk, decision; the schema's metadata tell model_version and threshold.
        """
        return calls.table(self._ask(calls.predict_arrow(table, strict)).content)

    def user(self, user_id: int | str) -> ScoredUser:
        """What the latest batch said about a user."""
        return ScoredUser.model_validate_json(self._ask(calls.user(user_id)).content)

    def model(self) -> ModelDescription:
        """The champion: its features, metrics and card."""
        return ModelDescription.model_validate_json(self._ask(Call("GET", "/model")).content)

    def ready(self) -> Readiness:
        """Which model answers, if one does."""
        answer = self._ask(Call("GET", "/ready"), fine=(200, 503))
        return Readiness.model_validate_json(answer.content)

    def live(self) -> bool:
        """Whether the server answers."""
        return self._ask(Call("GET", "/live")).is_success

    def _ask(self, call: Call, fine: tuple[int, ...] = (200,)) -> httpx.Response:
        for attempt in itertools.count():
            status = asked = None
            try:
                answer = self._http.request(
                    call.method,
                    call.path,
                    content=call.content,
                    params=call.query,
                    headers=call.headers,
                )
                if answer.status_code in fine:
                    return answer
                status, asked = answer.status_code, answer.headers.get("retry-after")
                error: Exception = calls.refusal(call, status, answer.content)
            except httpx.TransportError as failure:
                error = calls.unreachable(call, str(self._http.base_url), failure)
            wait = self._retry.wait(attempt, status, asked)
            if wait is None:
                raise error
            time.sleep(wait)
        raise AssertionError("counting never ends")
