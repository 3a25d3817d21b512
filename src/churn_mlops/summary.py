"""What a stage tells about itself when it is done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Summary:
    """Rows in and out, files written and further facts of one stage.

    Parameters
    ----------
    stage : str
    rows : dict of str to int
        Rows by table.
    outputs : list of Path
        Everything that was written.
    facts : dict
        Whatever else is worth saying; values that JSON can hold.
    lines : list of str
        What people read first, in the place of the facts.
    """

    stage: str
    rows: dict[str, int] = field(default_factory=dict)
    outputs: list[Path] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """What JSON is made of."""
        outputs = [str(path) for path in self.outputs]
        return {"stage": self.stage, "rows": self.rows, "outputs": outputs, "facts": self.facts}

    def as_json(self, seconds: float) -> str:
        """One JSON object on one line."""
        return json.dumps(self.body() | {"seconds": round(seconds, 3)}, default=str)

    def as_text(self, seconds: float) -> str:
        """A few lines for people."""
        rows = ", ".join(f"{name} {count:,}" for name, count in self.rows.items())
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        lines = [*self.lines, f"{self.stage}: {rows or 'done'} ({seconds:.1f} s)"]
        lines += [f"  {facts}"] if facts and not self.lines else []
        return "\n".join([*lines, *(f"  wrote {path}" for path in self.outputs)])
