"""Every object is one that Kubernetes takes, of the versions in use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.prometheus_operator import v1

from tests.integration.tools import require_tool
from tests.manifests.objects import (
    FOLDERS,
    K8S,
    NAMESPACE,
    OPERATORS,
    ROOT,
    SOURCES,
    Object,
    everything,
    files,
    key,
    read,
    templates,
    warnings,
)

OLDEST = (1, 33)
NEWEST = tuple(int(part) for part in kubernetes_validate.latest_version().split(".")[:2])
VERSIONS = [f"{OLDEST[0]}.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
# Minute, hour, day of the month, month, day of the week: numbers, *, lists, ranges, steps.
_FIELD = r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*"
CRON = re.compile(rf"{_FIELD}( {_FIELD}){{4}}")
CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")


def test_three_versions_are_checked_at_least() -> None:
    assert len(VERSIONS) >= 3
    assert "1.33" in VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("source", SOURCES)
def test_objects_are_valid(source: str, version: str) -> None:
    objects = everything(source)
    assert len(objects) > 20
    for one in objects:
        if one["apiVersion"] != OPERATORS:
            kubernetes_validate.validate(one, version, strict=True)


def as_the_operator_reads(one: Object) -> Object:
    """An object by its own schema: what is unknown there is left out, as a server does."""
    read = getattr(v1, one["kind"]).model_validate(one)
    found: Object = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return found


@pytest.mark.parametrize("source", ["plain", "production"])
def test_the_operators_objects_are_valid(source: str) -> None:
    objects = [one for one in everything(source) if one["apiVersion"] == OPERATORS]
    assert {one["kind"] for one in objects} == {"PrometheusRule", "ServiceMonitor"}
    for one in objects:
        assert as_the_operator_reads(one) == one, key(one)


def test_what_the_operator_would_not_read_is_found() -> None:
    endpoint: Object = {"port": "http", "intervall": "15s"}
    spec: Object = {"selector": {}, "endpoints": [endpoint]}
    one = {"apiVersion": OPERATORS, "kind": "ServiceMonitor", "metadata": {"name": "x"}}
    assert as_the_operator_reads(one | {"spec": spec}) != one | {"spec": spec}
    endpoint.pop("intervall")
    assert as_the_operator_reads(one | {"spec": spec}) == one | {"spec": spec}
    with pytest.raises(ValueError, match="interval"):
        as_the_operator_reads(one | {"spec": spec | {"endpoints": [{"interval": "a minute"}]}})


def test_prometheus_takes_the_rules_as_the_operator_writes_them(tmp_path: Path) -> None:
    for one in everything("plain"):
        if one["kind"] == "PrometheusRule":
            path = tmp_path / f"{one['metadata']['name']}.yaml"
            path.write_text(yaml.safe_dump(one["spec"]))
            command = [require_tool("promtool"), "check", "rules", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.iterdir())) == 2


def test_rules_and_dashboards_are_those_of_the_monitoring(tmp_path: Path) -> None:
    script = str(ROOT / "scripts/monitoring_objects.py")
    subprocess.run([sys.executable, script, str(tmp_path)], check=True, capture_output=True)
    for path in tmp_path.iterdir():
        kept = K8S / "monitoring" / path.name
        assert path.read_text() == kept.read_text(), "run python scripts/monitoring_objects.py"


def test_the_check_finds_what_is_wrong() -> None:
    broken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "date": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


@pytest.mark.parametrize("source", SOURCES[1:])
def test_overlays_render_without_warnings(source: str) -> None:
    assert warnings(source) == ""


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_can_be_applied_as_it_is(folder: str) -> None:
    """The namespace comes first, and all else lies in it."""
    objects = [one for path in files(folder) for one in read(path)]
    kinds = [one["kind"] for one in objects]
    assert "Kustomization" not in kinds
    assert "Component" not in kinds
    if "Namespace" in kinds:
        assert kinds[0] == "Namespace"
    for one in objects:
        if one["kind"] != "Namespace":
            assert one["metadata"]["namespace"] == NAMESPACE, key(one)


def test_the_specifications_files_are_there() -> None:
    for name in ("drift-auto-retrain-cronjob.yaml", "high-drift-cronjob.yaml"):
        assert [one["kind"] for one in read(K8S / name)] == ["CronJob"]


@pytest.mark.parametrize("source", SOURCES)
def test_times_and_amounts_can_be_read(source: str) -> None:
    for one in everything(source):
        if one["kind"] == "CronJob":
            assert is_cron(one["spec"]["schedule"]), one["spec"]["schedule"]
            assert one["spec"]["timeZone"] == "Etc/UTC"
        for text in _quantities(one):
            assert QUANTITY.fullmatch(str(text)), (key(one), text)
    for one, template in templates(everything(source)):
        if one["kind"] in ("Job", "CronJob"):
            assert template["spec"]["restartPolicy"] in ("Never", "OnFailure"), key(one)


@pytest.mark.parametrize("line", ["* * * *", "60 2 * * *", "5 24 * * *", "@often", "5 2 0 * *", ""])
def test_bad_cron_lines_are_found(line: str) -> None:
    assert not is_cron(line)


def is_cron(line: str) -> bool:
    if not CRON.fullmatch(line):
        return False
    for field, (low, high) in zip(line.split(), CRON_LIMITS, strict=True):
        numbers = [int(n) for n in re.findall(r"(?<!/)\b\d+", field)]
        if any(not low <= n <= high for n in numbers):
            return False
    return True


def _quantities(tree: object) -> list[object]:
    """The amounts of resources, storage and volumes, wherever they stand."""
    found: list[object] = []
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name in ("requests", "limits"):
                found += value.values()
            elif name in ("sizeLimit", "averageValue"):
                found.append(value)
            else:
                found += _quantities(value)
    elif isinstance(tree, list):
        for value in tree:
            found += _quantities(value)
    return found


def test_quantities_are_looked_for_everywhere() -> None:
    tree: Object = {"a": [{"limits": {"cpu": "1x"}}], "b": {"sizeLimit": "1Gi"}}
    assert _quantities(tree) == ["1x", "1Gi"]
