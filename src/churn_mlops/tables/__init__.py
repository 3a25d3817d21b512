"""Every table's contract, and reading and writing tables atomically."""

from churn_mlops.tables.contract import Column, Contract
from churn_mlops.tables.store import Writer, exists, present, scan, write

__all__ = ["Column", "Contract", "Writer", "exists", "present", "scan", "write"]
