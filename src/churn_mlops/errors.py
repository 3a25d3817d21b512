"""Errors that a user can mend, each branch with its exit code.

    ChurnError                  1   something went wrong that has no branch of its own
    ├── ParamsError            10   params.yaml or an override is wrong
    ├── SourceError            11   a source cannot be read (file, object store, database)
    ├── ContractError          12   a table does not have the shape its contract promises
    ├── QuarantineError        13   too many rows failed their checks
    ├── NotEnoughDataError     14   the data cannot carry what is asked of it
    ├── TrackingError          15   the MLflow server cannot be reached or refuses
    ├── BundleError            16   a model bundle is damaged, foreign or unfit
    ├── EngineError            17   the table engine cannot be started or ran out of room
    ├── LedgerError            18   the ledger of decisions is damaged
    ├── PromotionError         19   the gate cannot decide, or there is nothing to go back to
    ├── LeakageError           20   the model would have seen what it may not see
    ├── PublishError           21   metrics cannot be published
    ├── WorkspaceBusyError     22   another process is at work in this workspace
    ├── NotifyError            23   an alert could not be delivered
    ├── RetrainError           24   a training could not be run to its end
    ├── ReproduceError         25   a model cannot be made again
    └── BackupError            26   the state cannot be kept or brought back

Exit code 0 means done, 2 means the command line itself was wrong. A message says what is
wrong, where, and what to do about it.
"""

from __future__ import annotations

import re


class ChurnError(Exception):
    """Root of all errors that are reported without a traceback.

    Parameters
    ----------
    message : str
        What is wrong and where.
    fix : str, optional
        What the reader can do about it; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class ParamsError(ChurnError):
    """params.yaml or an override is wrong."""

    exit_code = 10


class SourceError(ChurnError):
    """A source cannot be read."""

    exit_code = 11


class ContractError(ChurnError):
    """A table does not have the shape that its contract promises.

    Parameters
    ----------
    check : str, optional
        Number of the check that failed, such as ``CHN101``.
    """

    exit_code = 12

    def __init__(self, message: str, *, check: str | None = None, fix: str | None = None) -> None:
        super().__init__(f"{check}: {message}" if check else message, fix=fix)
        self.check = check


class QuarantineError(ChurnError):
    """More rows failed their checks than the parameters allow."""

    exit_code = 13


class NotEnoughDataError(ChurnError):
    """The data is too short, too small or too uniform for what is asked of it."""

    exit_code = 14


class TrackingError(ChurnError):
    """The MLflow tracking server cannot be reached or refuses the request."""

    exit_code = 15


class BundleError(ChurnError):
    """A model bundle is damaged, foreign or does not fit the data."""

    exit_code = 16


class EngineError(ChurnError):
    """The table engine cannot be started, or it ran out of memory or disk."""

    exit_code = 17


class LedgerError(ChurnError):
    """The ledger of decisions was tampered with, is damaged or cannot be written."""

    exit_code = 18


class PromotionError(ChurnError):
    """The gate cannot decide, or there is nothing to go back to."""

    exit_code = 19


class LeakageError(ChurnError):
    """The training data holds what the model may not see."""

    exit_code = 20


class PublishError(ChurnError):
    """Metrics cannot be published: nowhere to, nobody takes them, or a file is damaged."""

    exit_code = 21


class WorkspaceBusyError(ChurnError):
    """Another process is at work in this workspace."""

    exit_code = 22


class NotifyError(ChurnError):
    """An alert could not be delivered, after all tries."""

    exit_code = 23


class RetrainError(ChurnError):
    """A training could not be run to its end: a stage failed, or DVC could not begin."""

    exit_code = 24


class ReproduceError(ChurnError):
    """A model cannot be made again from what is recorded about it."""

    exit_code = 25


class BackupError(ChurnError):
    """The workspace's state cannot be kept elsewhere or brought back."""

    exit_code = 26


_NAMED = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Failure)\b.*$")


def cause(error: BaseException) -> str:
    """The line of another program's error that says most: the last cause, without the calls.

    Parameters
    ----------
    error : exception
        Such as Spark's and DuckDB's, whose texts hold those of Java and of Python code.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    java = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    python = [line for line in lines if _NAMED.match(line) and "PythonException" not in line]
    if python or java:
        return (python or java)[-1][:500]
    return lines[0][:500] if lines else type(error).__name__
