"""Every table's contract, and reading and writing tables atomically."""

from churn_mlops.tables.contract import Column, Contract
from churn_mlops.tables.store import exists, present, scan
from churn_mlops.tables.writer import Writer, write

__all__ = ["Column", "Contract", "Writer", "exists", "present", "scan", "write"]
