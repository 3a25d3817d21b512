"""Errors of the API as RFC 9457 lays them out; each kind has its status, title and page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from churn_mlops.api.schemas import Mistake, Problem

CONTENT_TYPE = b"application/problem+json"
# Kind to status and title; docs/api.md explains each.
KINDS: Mapping[str, tuple[int, str]] = {
    "invalid-json": (400, "Not valid JSON"),
    "invalid-arrow": (400, "Not a valid Arrow stream"),
    "invalid-request-id": (400, "Not a valid X-Request-ID"),
    "unauthorized": (401, "No valid API key"),
    "not-found": (404, "Not found"),
    "unknown-user": (404, "Unknown user"),
    "method-not-allowed": (405, "Method not allowed"),
    "too-slow": (408, "The request took too long to arrive"),
    "too-large": (413, "The request is too large"),
    "unsupported-media-type": (415, "Unsupported content type"),
    "invalid-request": (422, "Not a valid request"),
    "unknown-feature": (422, "Unknown feature"),
    "missing-feature": (422, "Features are missing"),
    "too-many-requests": (429, "Too many requests"),
    "internal": (500, "Internal error"),
    "no-model": (503, "No model is loaded"),
    "no-predictions": (503, "No batch predictions"),
    "busy": (503, "The server is busy"),
}
TYPE = "urn:churn-mlops:problem:"


@dataclass
class ProblemError(Exception):
    """A request cannot be answered; says which status the sender gets, and what they are told.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    detail : str
        What is wrong with this request, and what to do.
    errors : sequence of Mistake
    headers : sequence of (name, value)
        Such as Retry-After.
    """

    kind: str
    detail: str
    errors: Sequence[Mistake] = ()
    headers: Sequence[tuple[bytes, bytes]] = ()

    @classmethod
    def of(
        cls,
        kind: str,
        detail: str,
        errors: Sequence[Mistake] = (),
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> ProblemError:
        """Make one of a known kind."""
        if kind not in KINDS:
            raise ValueError(f"'{kind}' is no kind of problem")
        return cls(kind, detail, errors, headers)

    @property
    def status(self) -> int:
        """HTTP status."""
        return KINDS[self.kind][0]

    def body(self, request_id: str) -> bytes:
        """The body of the answer."""
        return self.problem(request_id).model_dump_json().encode()

    def problem(self, request_id: str) -> Problem:
        """The answer as a typed object."""
        status, title = KINDS[self.kind]
        return Problem(
            type=f"{TYPE}{self.kind}",
            title=title,
            status=status,
            detail=self.detail,
            request_id=request_id,
            errors=list(self.errors),
        )
