"""The page that a person sees who opens the server's address."""

from __future__ import annotations

from html import escape

from churn_mlops.api.schemas import Readiness

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0; }
.state { margin-top: .3rem; opacity: .8; }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0; }
td { border-top: 1px solid #8884; padding: .4rem .8rem .4rem 0; vertical-align: top; }
td:first-child { white-space: nowrap; }
pre { background: #8881; padding: .8rem; overflow-x: auto; border-radius: 4px; }
"""
_ROWS = (
    ("docs", "/docs", "every request, with examples to try"),
    ("openapi.json", "/openapi.json", "the same for programs"),
    ("model", "/model", "what the model takes, how good it is, and its card"),
    ("ready", "/ready", "which model answers, and whether it answers right"),
    ("metrics", "/metrics", "counts and timings, for Prometheus"),
)


def page(readiness: Readiness, base: str, metrics: bool) -> str:
    """The page as HTML; needs no network but this server.

    Parameters
    ----------
    readiness : Readiness
    base : str
        The server's address as the visitor wrote it.
    metrics : bool
        Whether /metrics is on this port.
    """
    if readiness.ready:
        number = readiness.registry_version
        version = f", version {number}" if number is not None else ""
        state = f"The model {escape(str(readiness.model_version))}{version} answers."
    else:
        state = "No model answers yet."
    if readiness.detail:
        state += f" {escape(readiness.detail)}"
    rows = "".join(
        f'<tr><td><a href="{path}">{name}</a></td><td>{text}</td></tr>'
        for name, path, text in _ROWS
        if metrics or name != "metrics"
    )
    ask = f"curl {escape(base)}/users/17"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>churn-mlops</title><style>{_STYLE}</style>"
        "<h1>How likely is a user to leave, and why?</h1>"
        f'<p class="state">{state}</p><table>{rows}</table>'
        f"<p>What the latest batch said about user 17:</p><pre>{ask}</pre></html>"
    )
