"""The champion changes under load: every answer must be all one model's; memory must not grow."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from api_measures import LOAD_CORE, SERVER_CORE, Setting, Table, figures, one_row, ours
from load import BenchmarkError, Load, Server, wrk

from churn_mlops.registry.bundle import Bundle, copy_bundle, load_bundle

SWAPS, CONNECTIONS, SWAP_SECONDS = 100, 8, 30
TOLERANCE = 1e-6
# Models that differ by less than this on a row cannot be told apart by it.
TELLING = 1e-4
SOAK_SWAP_SECONDS, WARM_UP_SECONDS, ROUND_SECONDS = 10, 60, 10


@dataclass
class Seen:
    """What the clients have seen.

    Parameters
    ----------
    versions : list of str
        By connection: the version of the last answer.
    failures : list of str
        Answers that were not 200, and connections that broke.
    mix_ups : list of str
        Answers whose risk is not that of the version that they name.
    latencies : list of float
        Seconds.
    """

    versions: list[str]
    requests: int = 0
    changes: int = 0
    failures: list[str] = field(default_factory=list)
    mix_ups: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Known:
    """Raw requests, and the risk that each model must give them.

    Parameters
    ----------
    requests : list of bytes
    risks : dict of str to list of float
        By the model's version.
    """

    requests: Sequence[bytes]
    risks: dict[str, list[float]]


def models(setting: Setting) -> dict[Path, Bundle]:
    """The two models that take turns as the champion."""
    folders = [setting.copy / "artifacts/models" / name for name in ("baseline", "candidate")]
    return {folder: load_bundle(folder) for folder in folders}


def known_rows(bundles: Sequence[Bundle]) -> Known:
    """The golden rows on which the models differ."""
    rows = [row for bundle in bundles for row, _ in bundle.golden]
    risks = np.array([bundle.score(bundle.encode_rows(rows)) for bundle in bundles])
    telling = np.flatnonzero(np.abs(risks[0] - risks[1]) > TELLING)
    if len(telling) < len(rows) // 4:
        raise BenchmarkError("the two models hardly differ: a mix-up would not be seen")
    requests = []
    for place in telling:
        request = one_row(rows[place])
        body = request.body or b""
        head = (
            f"POST {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {request.kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    versions = [bundle.version for bundle in bundles]
    by_version = {v: risks[i, telling].tolist() for i, v in enumerate(versions)}
    return Known(requests, by_version)


async def client(number: int, port: int, known: Known, seen: Seen, done: asyncio.Event) -> None:
    """Ask over one kept connection until told to stop, and judge every answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    places = itertools.cycle(range(len(known.requests)))
    try:
        while not done.is_set():
            place = next(places)
            started = time.perf_counter()
            try:
                writer.write(known.requests[place])
                status, body = await asyncio.wait_for(_answer(reader), SWAP_SECONDS)
            except (OSError, EOFError, TimeoutError) as error:
                seen.failures.append(f"the connection broke: {error!r}")
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            seen.latencies.append(time.perf_counter() - started)
            seen.requests += 1
            if status != 200:
                seen.failures.append(f"{status}: {body[:300]!r}")
                continue
            answer = json.loads(body)
            version = answer["model_version"]
            expected = known.risks.get(version)
            if expected is None or not abs(answer["churn_risk"] - expected[place]) <= TOLERANCE:
                seen.mix_ups.append(f"row {place}, model {version}: {answer['churn_risk']}")
            if seen.versions[number] not in ("", version):
                seen.changes += 1
            seen.versions[number] = version
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return int(head[9:12]), await reader.readexactly(length)


async def _swap(server: Server, setting: Setting, seen: Seen, known: Known) -> list[float]:
    """Swap 100 times under load; seconds until the last connection saw each swap."""
    places = models(setting)
    production = setting.copy / "artifacts/production"
    done = asyncio.Event()
    clients = [
        asyncio.create_task(client(number, server.port, known, seen, done))
        for number in range(CONNECTIONS)
    ]
    waits = []
    try:
        for _, (folder, bundle) in zip(
            range(SWAPS), itertools.cycle(_other_first(places, production)), strict=False
        ):
            await asyncio.to_thread(copy_bundle, folder, production)
            copied = time.perf_counter()
            while set(seen.versions) != {bundle.version}:
                for task in clients:
                    if task.done():
                        task.result()
                if time.perf_counter() - copied > SWAP_SECONDS:
                    raise BenchmarkError(
                        f"{SWAP_SECONDS} s after the swap to {bundle.version} the connections see"
                        f" {sorted(set(seen.versions))}; failures: {seen.failures[:3]}"
                    )
                await asyncio.sleep(0.005)
            waits.append(time.perf_counter() - copied)
    finally:
        done.set()
        await asyncio.gather(*clients, return_exceptions=True)
    for task in clients:
        task.result()
    return waits


def _other_first(places: dict[Path, Bundle], production: Path) -> list[tuple[Path, Bundle]]:
    now = load_bundle(production).version
    return sorted(places.items(), key=lambda pair: pair[1].version == now)


def swaps(setting: Setting) -> Table:
    """100 swaps of the champion while eight connections ask; every answer is checked."""
    known = known_rows(list(models(setting).values()))
    rows, measured = [], {}
    for count in (1, 2):
        seen = Seen([""] * CONNECTIONS)
        with ours(setting, workers=count, poll_seconds=0.2) as server:
            started = time.perf_counter()
            waits = asyncio.run(_swap(server, setting, seen, known))
            seconds = time.perf_counter() - started
        if seen.failures or seen.mix_ups:
            examples = "\n".join([*seen.failures[:5], *seen.mix_ups[:5]])
            raise BenchmarkError(
                f"of {seen.requests:,} answers {len(seen.failures):,} failed and"
                f" {len(seen.mix_ups):,} were another model's:\n{examples}"
            )
        measured[f"seconds until seen, workers: {count}"] = waits
        p99, worst = np.quantile(seen.latencies, [0.99, 1]) * 1e3
        rows.append(
            (
                f"{count} worker{'s' * (count > 1)}",
                len(waits),
                f"{seen.requests:,} ({seen.requests / seconds:,.0f} a second)",
                len(seen.failures),
                len(seen.mix_ups),
                seen.changes,
                f"{statistics.median(waits):.2f} s (at most {max(waits):.2f})",
                f"{p99:.1f} ms, {worst:.0f} ms",
            )
        )
    head = (
        "", "swaps", "requests", "failures", "mix-ups", "changes seen by connections",
        "copied until all connections see it", "p99, slowest",
    )  # fmt: skip
    notes = [f"{CONNECTIONS} kept connections, {len(known.requests)} rows, polled every 0.2 s"]
    return Table("swaps", head, rows, measured, notes)


def soak(setting: Setting) -> Table:
    """Load for many minutes with a swap every ten seconds; does memory grow?"""
    places = models(setting)
    production = setting.copy / "artifacts/production"
    request = one_row(next(iter(places.values())).golden[0][0])
    memory: list[tuple[float, float]] = []
    loads: list[Load] = []
    with ours(setting, core=SERVER_CORE, poll_seconds=0.2) as server:
        started = time.perf_counter()
        for folder, _ in itertools.cycle(_other_first(places, production)):
            if time.perf_counter() - started >= setting.minutes * 60:
                break
            copy_bundle(folder, production)
            loads.append(wrk(server, request, ROUND_SECONDS, 16, LOAD_CORE))
            memory.append((time.perf_counter() - started, server.rss_mb()))
    settled = [(at, mb) for at, mb in memory if at >= min(WARM_UP_SECONDS, setting.minutes * 30)]
    growth = theil_sen(settled) * 3_600
    row = (
        f"{setting.minutes:g} minutes",
        f"{sum(load.requests for load in loads):,}",
        len(loads),
        f"{statistics.median(load.rate for load in loads):,.0f} a second",
        f"{max(load.max_ms for load in loads):.0f} ms",
        f"{memory[0][1]:.0f} MB, {settled[0][1]:.0f} MB, {memory[-1][1]:.0f} MB",
        f"{growth:+.1f} MB an hour",
    )
    head = (
        "", "requests", "swaps", "median rate", "slowest answer",
        "memory after 10 s, 1 min, at the end", "growth after the first minute (Theil-Sen)",
    )  # fmt: skip
    measured = {"seconds and MB": memory, **figures({"rounds": loads})}
    return Table("soak", head, [row], measured, ["no answer was an error: one ends the run"])


def theil_sen(points: Sequence[tuple[float, float]]) -> float:
    """Median slope of all pairs of points: a few odd ones do not move it."""
    if len(points) < 2:
        raise BenchmarkError("the soak was too short to tell a slope: ask for more minutes")
    x, y = np.array(points).T
    first, second = np.triu_indices(len(x), 1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))
