"""Asks the real-time API: typed answers, retries, streams; needs `churn-mlops[client]` only."""

from churn_mlops.client.async_client import AsyncClient
from churn_mlops.client.calls import LineProblem
from churn_mlops.client.client import Client
from churn_mlops.client.errors import ApiError, ApiUnavailableError

__all__ = ["ApiError", "ApiUnavailableError", "AsyncClient", "Client", "LineProblem"]
