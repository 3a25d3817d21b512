"""What has arrived, checked once for the gate and for the clean tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from churn_mlops import engine
from churn_mlops.data.raw_tables import readable
from churn_mlops.data.window import Checked, checked_window
from churn_mlops.params import Params
from churn_mlops.tables.growth import Growth


class Delivery:
    """Checks the rows that may still change when first asked, and holds them until it is closed.

    Parameters
    ----------
    params : Params
    """

    def __init__(self, params: Params) -> None:
        self._params = params
        self._open = ExitStack()
        self._held: tuple[tuple[date, date], engine.Engine, Checked] | None = None

    @contextmanager
    def checked(self, growth: Growth) -> Iterator[tuple[engine.Engine, Checked]]:
        """The engine and the checked rows in it; what the engine says of a file is explained.

        Parameters
        ----------
        growth : Growth
            Of other days than before: they are checked anew.

        Raises
        ------
        ContractError
            A table's file cannot be read.
        EngineError
            The engine ran out of memory or disk.
        """
        days = (growth.first, growth.last)
        with engine.explained(self._params), readable(Path(self._params.paths.data) / "raw"):
            if self._held is None or self._held[0] != days:
                self.close()
                con = self._open.enter_context(engine.connect(self._params))
                self._held = (days, con, checked_window(con, self._params, growth))
            _, con, found = self._held
            yield con, found

    def close(self) -> None:
        """Let go of the rows; they are checked again when asked for."""
        self._held = None
        self._open.close()
