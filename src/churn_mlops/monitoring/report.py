"""The result of a drift check: status, first line, ranked columns; as JSON and as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from churn_mlops.monitoring.day import Day
from churn_mlops.monitoring.early import Early
from churn_mlops.monitoring.findings import SEVERITY, Finding, Level, worst
from churn_mlops.monitoring.joint import Joint
from churn_mlops.monitoring.moved import Moved
from churn_mlops.monitoring.reference import RISK, Like, Reference

TABLE_ROWS = 10


@dataclass(frozen=True)
class Report:
    """What a check found.

    Parameters
    ----------
    day : Day
    reference : Reference
    like : list of Like
        The groups of reference days that the day was compared with.
    columns : list of Moved
        Ranked.
    risk : Moved or None
        The predicted risk; None when the users could not be scored.
    joint : Joint or None
    joint_level : str
    all_findings : list of Finding
        The muted ones, too.
    muted : frozenset of str
        Numbers of muted checks.
    model_version : str
    early : Early or None
        How well the risks of the day before told who would be away; None when nothing tells.
    """

    day: Day
    reference: Reference
    like: list[Like]
    columns: list[Moved]
    risk: Moved | None
    joint: Joint | None
    joint_level: str
    all_findings: list[Finding]
    muted: frozenset[str] = frozenset()
    model_version: str = ""
    early: Early | None = None

    @property
    def findings(self) -> list[Finding]:
        """What alarms, the most serious first; within a level in the order of the check numbers."""
        loud = [f for f in self.all_findings if f.check not in self.muted]
        return sorted(loud, key=lambda f: (-SEVERITY[f.level], not f.upstream))

    @property
    def status(self) -> Level:
        """The worst level of all findings."""
        return worst([finding.level for finding in self.findings])

    @property
    def rows(self) -> np.ndarray:
        """Marks of the reference rows of all groups."""
        return np.asarray(np.any([group.rows for group in self.like], axis=0))

    @property
    def compared(self) -> str:
        """The comparable days in words."""
        return " or ".join(group.words for group in self.like)

    @property
    def headline(self) -> str:
        """The line that is read first: the status and what moved most."""
        findings = self.findings
        if not findings:
            return f"OK: {self.day.day} looks like the reference ({self.compared})"
        more = f"; {len(findings) - 1} more" if len(findings) > 1 else ""
        return f"{self.status}: {findings[0].text}{more}"

    def as_json(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        days = self.reference.days
        return {
            "as_of_date": self.day.day.isoformat(),
            "status": self.status,
            "headline": self.headline,
            "users": self.day.users,
            "model_version": self.model_version,
            "reference": {
                "first_day": str(days[0]),
                "last_day": str(days[-1]),
                "days": int(np.any([group.days for group in self.like], axis=0).sum()),
                "rows": int(self.rows.sum()),
                "users": len(np.unique(self.reference.users[self.rows])),
                "compared": self.compared,
            },
            "findings": [finding.as_json() for finding in self.findings],
            "muted": [f.as_json() for f in self.all_findings if f.check in self.muted],
            "columns": [column.as_json() for column in self.columns],
            "risk": self._risk(),
            "joint": None
            if self.joint is None
            else {
                "roc_auc": self.joint.roc_auc,
                "p_value": self.joint.p_value,
                "level": self.joint_level,
                "columns": list(self.joint.columns),
            },
            "early": None if self.early is None else self.early.as_json(),
        }

    def _risk(self) -> dict[str, Any] | None:
        if self.risk is None:
            return None
        return {
            "psi": self.risk.psi,
            "chance_psi": self.risk.chance_psi,
            "p_value": self.risk.p_value,
            "level": self.risk.level,
            "mean": self.day.mean_risk,
            "reference_mean": float(self.reference.values[RISK][self.rows].mean()),
        }

    def lines(self) -> list[str]:
        """The report for a terminal: the first line, all findings, then the ranked columns."""
        lines = [self.headline]
        lines += [f"  {f.level} {f.check} {f.text}" for f in self.findings[:TABLE_ROWS]]
        hidden = len(self.findings) - TABLE_ROWS
        lines += [f"  … and {hidden} more findings"] if hidden > 0 else []
        lines += [
            f"compared with {self.rows.sum():,} rows of {self.compared}"
            f" ({self.reference.days[0]} to {self.reference.days[-1]})",
            f"  {'column':32} {'PSI':>7} {'chance':>7} {'weight':>7}  level",
        ]
        shown = self.columns[:TABLE_ROWS] + ([self.risk] if self.risk else [])
        lines += [
            f"  {c.column:32} {c.psi:7.3f} {c.chance_psi:7.3f} {c.importance:7.1%}  {c.level}"
            for c in shown
        ]
        if self.joint is not None:
            auc = f"{self.joint.roc_auc:.3f}"
            lines.append(f"  {'all columns together, ROC-AUC':32} {auc:>7} {'0.500':>7}"
                         f" {'':7}  {self.joint_level}")  # fmt: skip
        return lines
