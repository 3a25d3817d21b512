"""A project of two stages whose commands a shell does, and what Kubeflow tells their steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

DVC: dict[str, Any] = {
    "stages": {
        "generate_data": {
            "desc": "Bring the event log in",
            "cmd": "mkdir -p data/raw && echo $CHURN__DATA__SYNTHETIC__USERS > data/raw/users.csv",
            "deps": ["scripts/generate_data.sh"],
            "params": ["data"],
            "outs": [{"${paths.data}/raw": {"persist": True}}],
        },
        "prepare_data": {
            "desc": "Clean tables",
            "cmd": "mkdir -p data/processed && cp data/raw/users.csv data/processed/users.csv"
            ' && echo \'{"rows": 2, "by": {"day": 1}}\' > data/processed/report.json',
            "deps": ["${paths.data}/raw/users.csv", "${paths.data}/raw", "src/a.py"],
            "params": ["tables", "churn.window_days"],
            "outs": ["${paths.data}/processed/users.${tables.format}"],
            "metrics": ["${paths.data}/processed/report.json"],
        },
    }
}


def project(folder: Path, stages: dict[str, Any] | None = None) -> Path:
    """Lay it out; single stages may be changed."""
    tree = json.loads(json.dumps(DVC))
    for name, over in (stages or {}).items():
        tree["stages"][name] |= over
    for name in ("src", "scripts", ".dvc"):
        (folder / name).mkdir(parents=True)
    (folder / ".dvc/config").write_text("")
    (folder / "params.yaml").write_text("")
    (folder / "dvc.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return folder


def message(
    root: Path,
    *,
    inputs: dict[str, Path] | None = None,
    outputs: tuple[str, ...] = (),
    parameters: dict[str, Any] | None = None,
    results: tuple[str, ...] = (),
) -> str:
    """What takes the place of ``{{$}}`` in a local run."""

    def artifacts(places: dict[str, Path]) -> dict[str, Any]:
        return {n: {"artifacts": [{"name": n, "uri": str(p)}]} for n, p in places.items()}

    return json.dumps(
        {
            "inputs": {"artifacts": artifacts(inputs or {}), "parameterValues": parameters or {}},
            "outputs": {
                "artifacts": artifacts({name: root / name for name in outputs}),
                "parameters": {name: {"outputFile": str(root / name)} for name in results},
                "outputFile": str(root / "report.json"),
            },
        }
    )
