"""Write the rules and dashboards of monitoring/ as objects of Kubernetes: k8s/monitoring/*.yaml.

Usage: python scripts/monitoring_objects.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "k8s/monitoring"
NOTE = "# Made by scripts/monitoring_objects.py from monitoring/; do not edit.\n"
LABELS = {
    "app.kubernetes.io/name": "churn-mlops",
    "app.kubernetes.io/part-of": "churn-mlops",
    "app.kubernetes.io/component": "monitoring",
}


class _Dumper(yaml.SafeDumper):
    """Text of several lines stays text of several lines."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def built(source: Path = ROOT / "monitoring") -> dict[str, str]:
    """The objects as YAML, by file name."""
    rules = sorted((source / "rules").glob("*.yml"))
    dashboards = sorted((source / "grafana-provisioning/dashboards").glob("*.json"))
    return {
        "prometheusrule.yaml": _dump([_rules(path) for path in rules]),
        "grafana-dashboards.yaml": _dump([_dashboard(path) for path in dashboards]),
    }


def _rules(path: Path) -> dict[str, Any]:
    # A file has an object of its own, as groups have names of their own within a file only.
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": _metadata(f"churn-{path.stem}", release="kube-prometheus-stack"),
        "spec": yaml.safe_load(path.read_text()),
    }


def _dashboard(path: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(
            f"churn-dashboard-{path.stem.replace('_', '-')}", grafana_dashboard="1"
        ),
        "data": {f"churn-{path.name}": path.read_text()},
    }


def _metadata(name: str, **labels: str) -> dict[str, Any]:
    return {"name": name, "namespace": "churn-mlops", "labels": LABELS | labels}


def _dump(objects: list[dict[str, Any]]) -> str:
    return NOTE + yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, width=100)


def main() -> None:
    """Write them into a folder, by default k8s/monitoring."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for name, text in built().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
