"""What a call of the API raises."""

from __future__ import annotations

from churn_mlops.api.schemas import Problem


class ApiError(Exception):
    """The API refused a request.

    Parameters
    ----------
    message : str
    status : int or None
        Of HTTP; None when there was no answer.
    problem : Problem or None
        What the API said.
    request_id : str
        Stands in the server's log, too.
    """

    def __init__(
        self, message: str, *, status: int | None, problem: Problem | None, request_id: str
    ) -> None:
        super().__init__(message)
        self.status, self.problem, self.request_id = status, problem, request_id


class ApiUnavailableError(ApiError):
    """The API could not be reached, or was too busy, also after all retries."""


def told(status: int, problem: Problem | None, request_id: str) -> str:
    """A refusal in words, with every mistake that the API lists."""
    if problem is None:
        return f"the API answered with status {status} (request {request_id})"
    lines = [f"{problem.title}: {problem.detail} (status {status}, request {request_id})"]
    lines += [f"  {mistake.where}: {mistake.message}" for mistake in problem.errors]
    return "\n".join(lines)
