"""Speed of the real-time API: single rows, reasons, batches, workers, the start."""

from __future__ import annotations

import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import api_peers
from load import ARROW, BenchmarkError, Load, Request, Server, ask, in_rounds, wrk

from churn_mlops.registry.bundle import INPUT, OUTPUT, Bundle, load_bundle

SERVER_CORE, LOAD_CORE = 0, 1
PEERS = Path(api_peers.__file__).resolve()
GOLDEN_TOLERANCE = 1e-6
BATCH_ROWS = 1_000


@dataclass(frozen=True)
class Setting:
    """Where and how long to measure.

    Parameters
    ----------
    workspace : Path
        With params.yaml, artifacts and data; only read.
    copy : Path
        A copy of what the API needs, in which it runs.
    rounds : int
    seconds : float
        Of load in each round.
    minutes : float
        Of the soak.
    """

    workspace: Path
    copy: Path
    rounds: int
    seconds: float
    minutes: float


@dataclass(frozen=True)
class Table:
    """A table of results, the figures that they come from, and remarks below it."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    figures: Mapping[str, object]
    notes: Sequence[str] = ()


def ours(
    setting: Setting, workers: int = 1, core: int | None = None, poll_seconds: float = 5
) -> Server:
    """`churn serve` in the copied workspace."""
    return Server(
        f"churn serve, {workers} worker{'s' * (workers > 1)}",
        [sys.executable, "-c", "from churn_mlops.cli import main; main()", "serve"],
        setting.copy,
        {
            "CHURN__SERVING__PORT": "{port}",
            "CHURN__SERVING__WORKERS": str(workers),
            "CHURN__SERVING__POLL_SECONDS": str(poll_seconds),
            "CHURN__SERVING__MAX_BATCH_ROWS": str(BATCH_ROWS),
        },
        core=core,
    )


def peer(setting: Setting, name: str, core: int | None = None) -> Server:
    """A server of `api_peers`."""
    command = [sys.executable, str(PEERS), name, "{port}", str(setting.workspace)]
    return Server(name, command, setting.copy, core=core)


def champion(setting: Setting) -> Bundle:
    """The bundle that is served."""
    return load_bundle(setting.workspace / "artifacts/production")


def one_row(row: dict[str, object], query: str = "") -> Request:
    """``POST /predict`` with all features of a row."""
    body = {"user_id": 17, "snapshot_date": "2025-04-30", "features": row}
    return Request(f"/predict{query}", json.dumps(body).encode())


def check_risk(server: Server, request: Request, expected: float) -> None:
    """Ask once; the risk must be that of the golden row."""
    risk = json.loads(ask(server, request))["churn_risk"]
    if not abs(risk - expected) <= GOLDEN_TOLERANCE:
        raise BenchmarkError(f"{server.name} gives a risk of {risk} instead of {expected:.6f}")


@contextmanager
def mlflow_server(setting: Setting, bundle: Bundle) -> Iterator[tuple[Server, Request]]:
    """`mlflow models serve` with the champion's model, and the fastest form of a request."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        row = api_peers.save_for_mlflow(setting.workspace, folder)
        serve = f"models serve -m {folder} --env-manager local --host 127.0.0.1 --workers 1"
        command = [str(Path(sys.executable).parent / "mlflow"), *serve.split(), "--port", "{port}"]
        bin_folder = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        quiet = {"UVICORN_ACCESS_LOG": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with Server(
            "mlflow models serve",
            command,
            Path(temporary),
            bin_folder | quiet,
            "/ping",
            SERVER_CORE,
        ) as server:
            best: tuple[float, Request] | None = None
            frame = {"columns": list(range(len(row))), "data": [row]}
            for body in ({"inputs": [row]}, {"instances": [row]}, {"dataframe_split": frame}):
                request = Request("/invocations", json.dumps(body).encode())
                found = json.loads(ask(server, request))["predictions"]["churn_risk"][0]
                if not abs(found - bundle.golden[0][1]) <= GOLDEN_TOLERANCE:
                    raise BenchmarkError(f"MLflow gives {found}, not {bundle.golden[0][1]:.6f}")
                rate = wrk(server, request, 2, 16, LOAD_CORE).rate
                if best is None or rate > best[0]:
                    best = rate, request
            assert best is not None
            yield server, best[1]


def single(setting: Setting) -> Table:
    """One row a request, one worker, 16 connections; server and `wrk` have a processor each."""
    bundle = champion(setting)
    row, risk = bundle.golden[0]
    request = one_row(row)
    with ExitStack() as stack:
        us = stack.enter_context(ours(setting, core=SERVER_CORE))
        check_risk(us, request, risk)
        asked = {"churn serve": (us, request)}
        titles = {
            "bare": "FastAPI, the same body, constant answer",
            "bare-response": "the same with response_model",
            "sklearn-logistic": "FastAPI, pandas, scikit-learn logistic regression",
            "sklearn-boosted": "FastAPI, pandas, scikit-learn boosted trees",
        }
        for name, title in titles.items():
            server = stack.enter_context(peer(setting, name, SERVER_CORE))
            answer = json.loads(ask(server, request))
            if set(answer) != set(json.loads(ask(us, request))):
                raise BenchmarkError(f"{name} answers in another shape: {answer}")
            asked[title] = (server, request)
        asked["mlflow models serve"] = stack.enter_context(mlflow_server(setting, bundle))

        def measure(server: Server, request: Request) -> Callable[[], Load]:
            return lambda: wrk(server, request, setting.seconds, 16, LOAD_CORE)

        found = in_rounds({name: measure(*pair) for name, pair in asked.items()}, setting.rounds)
    base = found[titles["bare"]]
    rows = []
    for name, loads in found.items():
        rates = [load.rate for load in loads]
        ratios = [rate / other.rate for rate, other in zip(rates, base, strict=True)]
        rows.append(
            (
                name,
                f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
                f"{_median(loads, 'p50_ms'):.2f} ms",
                f"{_median(loads, 'p99_ms'):.2f} ms",
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            )
        )
    head = ("", "requests a second", "p50", "p99", "rate against bare FastAPI")
    form = next(iter(json.loads(asked["mlflow models serve"][1].body or b"")))
    notes = [
        f"{bundle.meta.family}, {len(bundle.meta.feature_names)} features",
        f"MLflow's fastest form of a body: `{form}`",
    ]
    return Table("single", head, rows, figures(found), notes)


def inference(setting: Setting) -> Table:
    """One row without HTTP: encoding and model, all that a request needs, the model alone."""
    from churn_mlops.api.served import Served

    rows, measured = [], {}
    for name in ("baseline", "candidate"):
        bundle = load_bundle(setting.workspace / "artifacts/models" / name)
        served = Served(bundle, None, BATCH_ROWS)
        row, _ = bundle.golden[0]
        matrix = bundle.encode_rows([row])
        run, outputs, inputs = bundle._session.run, (OUTPUT,), {INPUT: matrix}
        pieces: list[Callable[[], object]] = [
            lambda bundle=bundle, row=row: bundle.score(bundle.encode_rows([row])),
            lambda served=served, row=row: served.score((row,)),
            lambda run=run, outputs=outputs, inputs=inputs: run(outputs, inputs),
        ]
        taken = _microseconds(pieces)
        rows.append((f"{name} ({bundle.meta.family})", *(f"{value:.1f} µs" for value in taken)))
        measured[name] = taken
    head = ("", "encode and score", "`Served.score`: also what is odd", "ONNX Runtime alone")
    return Table("inference", head, rows, measured)


def _microseconds(pieces: Sequence[Callable[[], object]]) -> list[float]:
    """Median of a call of each, from 100 turns of 50 calls."""
    taken: list[list[float]] = [[] for _ in pieces]
    for _ in range(100):
        for piece, values in zip(pieces, taken, strict=True):
            started = time.perf_counter()
            for _ in range(50):
                piece()
            values.append((time.perf_counter() - started) / 50 * 1e6)
    return [statistics.median(values) for values in taken]


def explain(setting: Setting) -> Table:
    """What reasons cost, one request at a time."""
    # Whoever is at the highest risk has reasons.
    row, risk = max(champion(setting).golden, key=lambda pair: pair[1])
    plain, explained = one_row(row), one_row(row, "?explain=true")
    with ours(setting, core=SERVER_CORE) as server:
        for request in (plain, explained):
            check_risk(server, request, risk)
        if not json.loads(ask(server, explained)).get("reasons"):
            raise BenchmarkError("the golden row of the highest risk is given no reasons")
        found = in_rounds(
            {
                "POST /predict": lambda: wrk(server, plain, setting.seconds, 1, LOAD_CORE),
                "POST /predict?explain=true": lambda: wrk(
                    server, explained, setting.seconds, 1, LOAD_CORE
                ),
            },
            setting.rounds,
        )
    first, second = found.values()
    extra = [b.p50_ms - a.p50_ms for a, b in zip(first, second, strict=True)]
    rows = [
        (name, f"{_median(loads, 'p50_ms'):.3f} ms", f"{_median(loads, 'p99_ms'):.3f} ms")
        for name, loads in found.items()
    ]
    rows.append(("reasons, p50, round by round", f"+{statistics.median(extra):.3f} ms", ""))
    return Table("explain", ("one connection", "p50", "p99"), rows, figures(found))


def batch(setting: Setting) -> Table:
    """1,000 rows a request, two workers, eight connections, nothing pinned."""
    golden = champion(setting).golden
    chosen = [golden[i % len(golden)] for i in range(BATCH_ROWS)]
    as_json, as_arrow = _json_batch(chosen), _arrow_batch(chosen)
    with ours(setting, workers=2) as server:
        answered = json.loads(ask(server, as_json))["predictions"]
        _check_batch("JSON", [one["churn_risk"] for one in answered], chosen)
        _check_batch("Arrow", _arrow_risks(ask(server, as_arrow)), chosen)
        found = in_rounds(
            {
                "JSON": lambda: wrk(server, as_json, setting.seconds, 8),
                "Arrow": lambda: wrk(server, as_arrow, setting.seconds, 8),
            },
            setting.rounds,
        )
    rows = []
    for (name, loads), request in zip(found.items(), (as_json, as_arrow), strict=True):
        rates = [load.rate * BATCH_ROWS for load in loads]
        rows.append(
            (
                name,
                f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
                f"{_median(loads, 'p50_ms'):.1f} ms",
                f"{_median(loads, 'p99_ms'):.1f} ms",
                f"{len(request.body or b'') / 1e3:,.0f} kB",
            )
        )
    head = ("1,000 rows a request", "rows a second", "p50", "p99", "body")
    return Table("batch", head, rows, figures(found))


Golden = Sequence[tuple[dict[str, object], float]]


def _json_batch(chosen: Golden) -> Request:
    rows = [
        {"user_id": i, "snapshot_date": "2025-04-30", "features": row}
        for i, (row, _) in enumerate(chosen)
    ]
    return Request("/predict/batch", json.dumps({"rows": rows}).encode())


def _arrow_batch(chosen: Golden) -> Request:
    import pyarrow as pa

    columns: dict[str, list[object]] = {"user_id": list(range(len(chosen)))}
    for name in chosen[0][0]:
        columns[name] = [row[name] for row, _ in chosen]
    table, sink = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Request("/predict/batch", sink.getvalue(), ARROW)


def _arrow_risks(body: bytes) -> list[float]:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.BufferReader(body)) as reader:
        risks: list[float] = reader.read_all()["churn_risk"].to_pylist()
    return risks


def _check_batch(name: str, risks: Sequence[float], chosen: Golden) -> None:
    gap = max(abs(risk - expected) for risk, (_, expected) in zip(risks, chosen, strict=True))
    if not gap <= GOLDEN_TOLERANCE:
        raise BenchmarkError(f"the batch as {name} gives risks up to {gap:.2g} away from golden")


def workers(setting: Setting) -> Table:
    """One connection at one and at two workers: what handing out connections costs."""
    row, risk = champion(setting).golden[0]
    predict, live = one_row(row), Request("/live")
    plain = ["--workers", "2", "--loop", "asyncio", "--http", "h11", "--no-access-log"]
    command = [sys.executable, "-m", "uvicorn", "api_peers:minimal", "--log-level", "warning"]
    command += ["--app-dir", str(PEERS.parent), "--host", "127.0.0.1", "--port", "{port}", *plain]
    with ExitStack() as stack:
        one = stack.enter_context(ours(setting))
        two = stack.enter_context(ours(setting, workers=2))
        uvicorn = stack.enter_context(Server("uvicorn", command, setting.copy, ready="/live"))
        asked = {}
        for count, server in (("1 worker", one), ("2 workers", two)):
            check_risk(server, predict, risk)
            asked[f"churn serve, {count}, GET /live"] = (server, live)
            asked[f"churn serve, {count}, POST /predict"] = (server, predict)
        asked["smallest ASGI application, uvicorn, 2 workers, asyncio, h11"] = (uvicorn, live)

        def measure(server: Server, request: Request) -> Callable[[], Load]:
            return lambda: wrk(server, request, setting.seconds, 1)

        found = in_rounds({name: measure(*pair) for name, pair in asked.items()}, setting.rounds)
    rows = [
        (name, f"{_median(loads, 'p50_ms'):.3f} ms", f"{_median(loads, 'p99_ms'):.3f} ms")
        for name, loads in found.items()
    ]
    return Table("workers", ("one connection", "p50", "p99"), rows, figures(found))


def start(setting: Setting) -> Table:
    """From the start of the process to the first 200 of ``/ready``."""
    taken = []
    for _ in range(5):
        with ours(setting) as server:
            taken.append(server.start_seconds)
    row = (
        "churn serve",
        f"{statistics.median(taken):.2f} s ({min(taken):.2f} to {max(taken):.2f})",
    )
    return Table("start", ("start to ready", "median of 5"), [row], {"seconds": taken})


def figures(found: Mapping[str, Sequence[Load]]) -> dict[str, object]:
    """Every round of every name."""
    return {name: [asdict(load) for load in loads] for name, loads in found.items()}


def _median(loads: Sequence[Load], name: str) -> float:
    return statistics.median(getattr(load, name) for load in loads)
