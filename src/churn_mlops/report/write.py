"""Writes the report: one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from churn_mlops.files import write_text
from churn_mlops.params import Params
from churn_mlops.report.inputs import read_inputs
from churn_mlops.report.page import render
from churn_mlops.summary import Summary

PLACE = Path("reports/index.html")


def run(params: Params, path: Path = PLACE) -> Summary:
    """Read what the pipeline has written and write the page.

    Parameters
    ----------
    params : Params
    path : Path
        The page; replaced as a whole.

    Raises
    ------
    ContractError
        No model has been evaluated, or a file does not have its shape.
    """
    inputs = read_inputs(params)
    text = render(inputs)
    write_text(path, text)
    facts = {
        "models": len(inputs.evaluations),
        "champion": inputs.champion.version if inputs.champion else None,
        "bytes": len(text.encode()),
    }
    return Summary("report", {}, [path], facts)
