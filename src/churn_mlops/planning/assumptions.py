"""What a plan takes for granted and no measurement here can tell: machines, prices, gains."""

from __future__ import annotations

from dataclasses import dataclass

GB = 1e9


@dataclass(frozen=True)
class Node:
    """One machine of a plan.

    Parameters
    ----------
    cores : int
    memory_gb, disk_gb : float
        Memory, and the local disk on which engines spill and shuffle.
    disk_gb_per_second, network_gb_per_second : float
        What it reads or writes at most.
    """

    cores: int = 8
    memory_gb: float = 32.0
    disk_gb: float = 300.0
    disk_gb_per_second: float = 0.5
    network_gb_per_second: float = 1.0


@dataclass(frozen=True)
class Prices:
    """Prices in one currency; the defaults are near those of a large cloud, in US dollars.

    Parameters
    ----------
    core_hour : float
        Of a general-purpose machine, its memory and local disk included.
    gb_month : float
        Of an object store.
    thousand_writes, thousand_reads : float
        Of requests to it.
    """

    core_hour: float = 0.05
    gb_month: float = 0.023
    thousand_writes: float = 0.005
    thousand_reads: float = 0.0004


@dataclass(frozen=True)
class Assumptions:
    """The rest.

    Parameters
    ----------
    gain : float
        Per doubling of cores, where it was not measured: 0.9 means 1.8 times as fast.
    gain_of_driver : float
        The same for stages whose growing part runs in one process: 0.5 is no gain.
    request_mb : float
        Of the object store, read or written by one request.
    runs_per_month : float
    cores_per_executor : int
        Of Spark.
    python_headroom : float
        Memory for Spark's Python workers, relative to the most that was measured.
    """

    gain: float = 0.9
    gain_of_driver: float = 0.5
    request_mb: float = 8.0
    runs_per_month: float = 30.4
    cores_per_executor: int = 4
    python_headroom: float = 2.0
