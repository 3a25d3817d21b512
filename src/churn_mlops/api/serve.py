"""Runs the API: sockets, worker processes, the metrics' own port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from churn_mlops.api.keys import Keys
from churn_mlops.api.logs import log_as_json
from churn_mlops.api.siblings import FOLDER_VARIABLE, exposed
from churn_mlops.errors import ParamsError
from churn_mlops.params import Params

# Idle connections are kept longer than load balancers do, so that they close first.
KEEP_ALIVE_SECONDS = 75


def serve(params: Params, tell: Callable[[str, str | None], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished.

    Parameters
    ----------
    params : Params
    tell : callable
        Told the address, and that of the metrics if it is another, once both are listened on.

    Raises
    ------
    ParamsError
        The address cannot be listened on, or an API key cannot be used.
    """
    import uvicorn

    from churn_mlops.api.app import create_app
    from churn_mlops.api.fair_protocol import FairProtocol

    serving = params.serving
    log_as_json()
    # Told here, once, and not by each worker that cannot start.
    Keys(serving.api_keys, serving.api_keys_file)
    listener = listen(serving.host, serving.port)
    config = uvicorn.Config(
        partial(create_app, params),
        factory=True,
        loop="uvloop",
        http="httptools" if serving.workers == 1 else FairProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        workers=serving.workers,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(serving.drain_seconds)),
    )
    with ExitStack() as stack:
        stack.callback(listener.close)
        metrics = None
        if serving.workers > 1 or serving.metrics_port is not None:
            # Must be known before prometheus-client is imported, here and in the workers.
            folder = tempfile.mkdtemp(prefix="churn-api-metrics-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            os.environ[FOLDER_VARIABLE] = folder
            if serving.metrics_port is not None:
                metrics = expose_metrics(serving.host, serving.metrics_port)
        tell(address(listener), metrics)
        _run(config, listener)


def expose_metrics(host: str, port: int) -> str:
    """Answer /metrics on a port of its own, in a thread; returns its address.

    Raises
    ------
    ParamsError
        The address cannot be listened on.
    """
    from prometheus_client import start_http_server

    try:
        server, _ = start_http_server(port, host, exposed(None))
    except OSError as error:
        raise _not_here(host, port, "metrics_port", error) from error
    return address(server.socket)


def _run(config: Any, listener: socket.socket) -> None:
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    # uvicorn raises the signal that ended it once more; having ended well is no failure.
    signal.signal(signal.SIGTERM, _end)
    server = uvicorn.Server(config)
    if config.workers == 1:
        server.run(sockets=[listener])
    else:
        Multiprocess(config, sockets=[listener]).run()


def _end(number: int, frame: object) -> None:
    raise SystemExit(0)


def listen(host: str, port: int) -> socket.socket:
    """Open the socket that all workers accept from.

    Without TCP_NODELAY, which accepted connections inherit, an answer's second small packet waits
    for the delayed acknowledgement of the first: 40 ms.

    Raises
    ------
    ParamsError
        The port is taken or the host is not this machine's.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(place)
        listener.listen(2048)
    except OSError as error:
        raise _not_here(host, port, "port", error) from error
    listener.setblocking(False)
    listener.set_inheritable(True)
    return listener


def _not_here(host: str, port: int, key: str, error: OSError) -> ParamsError:
    return ParamsError(
        f"cannot listen on {host}:{port}: {error.strerror or error}",
        fix=f"choose another serving.{key} (0: any free one) or serving.host",
    )


def address(listener: socket.socket) -> str:
    """The listener's address as a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
