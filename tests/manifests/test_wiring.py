"""What one object says of another is so: selectors, ports, accounts, volumes, commands."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.loop.job_table import JOBS
from churn_mlops.params import load
from tests.integration.tools import require_tool
from tests.manifests.objects import (
    K8S,
    OVERLAYS,
    ROOT,
    SOURCES,
    Object,
    containers,
    everything,
    files,
    key,
    names,
    plain_objects,
    templates,
)

CRON_OF = {"high-drift-alert": "high-drift-cronjob.yaml"}
# What they are told, and whether that is understood, test_spark.py looks at.
OF_SPARK = (("CronJob", "spark-tables"), ("Pod", "executor"))


def ours(image: str) -> bool:
    named = image.partition("@")[0].rpartition(":")[0]
    return named.rpartition("/")[2] in ("churn-api", "churn-ml", "churn-spark")


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    rules = selector.get("matchExpressions", [])
    return all(labels.get(k) == v for k, v in wanted) and all(
        labels.get(rule["key"]) in rule["values"] for rule in rules
    )


def labels_of(template: Object) -> dict[str, str]:
    return dict(template["metadata"]["labels"])


@pytest.mark.parametrize("source", SOURCES)
def test_selectors_choose_pods_that_there_are(source: str) -> None:
    objects = everything(source)
    pods = [labels_of(template) for _, template in templates(objects)]
    for one in objects:
        spec = one.get("spec", {})
        if one["kind"] == "Deployment":
            assert matches(spec["selector"], labels_of(spec["template"])), key(one)
        elif one["kind"] == "Service":
            assert any(matches({"matchLabels": spec["selector"]}, pod) for pod in pods), key(one)
        elif one["kind"] in ("PodDisruptionBudget", "NetworkPolicy"):
            selector = spec.get("selector") or spec.get("podSelector")
            assert any(matches(selector, pod) for pod in pods), key(one)
        elif one["kind"] == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            assert target["name"] in names(objects, target["kind"])


@pytest.mark.parametrize("source", SOURCES)
def test_services_and_probes_ask_ports_that_are_open(source: str) -> None:
    objects = everything(source)
    for one in objects:
        if one["kind"] != "Service":
            continue
        behind = [
            template
            for _, template in templates(objects)
            if matches({"matchLabels": one["spec"]["selector"]}, labels_of(template))
        ]
        opened = {p["name"] for t in behind for c in containers(t) for p in c.get("ports", [])}
        assert {port["targetPort"] for port in one["spec"]["ports"]} <= opened, key(one)
    for one, template in templates(objects):
        for container in containers(template):
            opened = {port["name"] for port in container.get("ports", [])}
            probes = [container[name] for name in container if name.endswith("Probe")]
            assert {probe["httpGet"]["port"] for probe in probes} <= opened, key(one)


@pytest.mark.parametrize("source", ["plain", "staging", "production"])
def test_what_is_scraped_is_a_port_of_a_service_that_lets_it_in(source: str) -> None:
    objects = everything(source)
    services = {one["metadata"]["name"]: one for one in objects if one["kind"] == "Service"}
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    monitors = [one for one in objects if one["kind"] == "ServiceMonitor"]
    assert {one["metadata"]["name"] for one in monitors} == set(services)
    for one in monitors:
        # The label `job`, which rules and panels ask for, is the name of the service.
        service = services[one["metadata"]["name"]]
        assert matches(one["spec"]["selector"], service["metadata"]["labels"]), key(one)
        (asked,) = [endpoint["port"] for endpoint in one["spec"]["endpoints"]]
        (port,) = [port for port in service["spec"]["ports"] if port["name"] == asked]
        (policy,) = [
            spec
            for spec in policies
            if spec["podSelector"].get("matchLabels") == service["spec"]["selector"]
        ]
        entered = [
            rule
            for rule in policy["ingress"]
            if {"port": port["targetPort"]} in rule["ports"]
            and any("namespaceSelector" in source for source in rule.get("from", []))
        ]
        assert entered, f"the namespace monitoring may ask {key(one)}"


@pytest.mark.parametrize("source", SOURCES)
def test_accounts_maps_secrets_and_claims_are_defined(source: str) -> None:
    objects = everything(source)
    for one, template in templates(objects):
        spec = template["spec"]
        assert spec["serviceAccountName"] in names(objects, "ServiceAccount"), key(one)
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        for volume in volumes.values():
            if claim := volume.get("persistentVolumeClaim"):
                claims = names(objects, "PersistentVolumeClaim")
                assert claim["claimName"] in claims, key(one)
            if configured := volume.get("configMap"):
                assert configured.get("optional") or configured["name"] in names(
                    objects, "ConfigMap"
                )
        for container in containers(template):
            mounted = [mount["name"] for mount in container.get("volumeMounts", [])]
            assert set(mounted) == set(volumes), f"{key(one)}: every volume is mounted, once"
            assert len(mounted) == len(volumes)
            for given in container.get("envFrom", []):
                if configured := given.get("configMapRef"):
                    there = names(objects, "ConfigMap")
                    assert configured.get("optional") or configured["name"] in there
                else:
                    # Made by hand: what needs one says how in its file.
                    secret = given["secretRef"]
                    assert secret.get("optional") or _is_told(secret["name"]), key(one)


def _is_told(secret: str) -> bool:
    """Whether a component says how a secret is made."""
    text = "".join(path.read_text() for path in (K8S / "components").rglob("kustomization.yaml"))
    return f"create secret generic {secret} " in text


def test_jobs_are_those_of_the_table_at_their_times() -> None:
    jobs = {one["metadata"]["name"]: one for one in plain_objects() if one["kind"] == "CronJob"}
    assert set(jobs) == {job.name for job in JOBS}
    for job in JOBS:
        assert jobs[job.name]["spec"]["schedule"] == job.cron
        file = K8S / "jobs" / CRON_OF.get(job.name, f"{job.name}-cronjob.yaml")
        assert jobs[job.name] == yaml.safe_load(file.read_text())


def mlflow_takes(words: list[str]) -> None:
    """MLflow's own command line knows the subcommand and its options."""
    from click.testing import CliRunner as Click
    from mlflow.cli import cli

    commands = [word for word in words if word in ("db", "upgrade", "server")]
    told = Click().invoke(cli, [*commands, "--help"])
    assert told.exit_code == 0, told.output
    for word in words:
        assert not word.startswith("--") or word in told.output, word


@pytest.mark.parametrize("address", ["10.244.1.7:5000", "172.20.3.4:5000", "192.168.0.9:5000"])
def test_prometheus_may_ask_mlflow_by_the_address_of_its_pod(address: str) -> None:
    """The operator's Prometheus knows no names; MLflow refuses hosts that are not listed."""
    from mlflow.server.security_utils import is_allowed_host_header

    (one,) = [o for o in plain_objects() if o["metadata"]["name"] == "mlflow-config"]
    hosts = one["data"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert is_allowed_host_header(hosts, address)
    assert is_allowed_host_header(hosts, "mlflow.churn-mlops.svc.cluster.local:5000")
    assert not is_allowed_host_header(hosts, "evil.example.com")


@pytest.mark.parametrize("source", SOURCES)
def test_every_command_is_one_that_its_image_has(source: str) -> None:
    for one, template in templates(everything(source)):
        if key(one) in OF_SPARK:
            continue
        for container in containers(template):
            if container.get("command"):
                assert container["command"] == ["sh", "-c"], key(one)
                (line,) = container["args"]
                for words in (part.split() for part in line.split(" && ")):
                    assert words[words.index("mlflow") + 1] in ("db", "server"), key(one)
                    mlflow_takes(words[words.index("mlflow") + 1 :])
                continue
            if not ours(container["image"]):
                told = subprocess.run(
                    [require_tool("prometheus-pushgateway"), "--help"],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                for word in container["args"]:
                    assert word.partition("=")[0] in told.stdout + told.stderr, word
                continue
            # Options are asked for their help, so that nothing is done.
            told = CliRunner().invoke(app, [*container["args"], "--help"])
            assert told.exit_code == 0, (key(one), told.output)
            options = [word for word in container["args"] if word.startswith("--")]
            assert all(option in told.output for option in options), key(one)


@pytest.mark.parametrize("source", SOURCES)
def test_every_setting_is_one_that_is_read(source: str) -> None:
    from mlflow import environment_variables

    cli = (ROOT / environment_variables.__file__).parent / "utils/cli_args.py"
    known = cli.read_text() + (cli.parents[1] / "cli/__init__.py").read_text()
    objects = everything(source)
    given: dict[str, str] = {}
    maps = {one["metadata"]["name"]: one for one in objects if one["kind"] == "ConfigMap"}
    for one, template in templates(objects):
        if key(one) in OF_SPARK:
            continue
        for container in containers(template):
            given |= {pair["name"]: pair["value"] for pair in container.get("env", [])}
            for source_of in container.get("envFrom", []):
                if configured := source_of.get("configMapRef"):
                    given |= maps.get(configured["name"], {"data": {}})["data"]
    assert given
    for name in given:
        if name.startswith("MLFLOW_") and name != "MLFLOW_TRACKING_URI":
            assert f'"{name}"' in known or hasattr(environment_variables, name), name
    own = {name: value for name, value in given.items() if name.startswith("CHURN__")}
    assert own
    # An unknown key of ours is an error that names it.
    load(ROOT / "params.yaml", environment=own)


def test_images_have_one_tag_that_is_set_in_one_place() -> None:
    found = {c["image"] for _, t in templates(plain_objects()) for c in containers(t)}
    tags = {image.rpartition(":")[2] for image in found if ours(image)}
    assert {image.rpartition(":")[0] for image in found if not ours(image)} == {
        "docker.io/prom/pushgateway"
    }
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert tags == {version[1]}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_choose_the_images(overlay: str) -> None:
    found = {c["image"] for _, t in templates(everything(overlay)) for c in containers(t)}
    path = K8S / "overlays" / overlay / "kustomization.yaml"
    chosen = yaml.safe_load(path.read_text())["images"]
    assert found == {
        f"{one.get('newName', one['name'])}:{one['newTag']}"
        + (f"@{one['digest']}" if "digest" in one else "")
        for one in chosen
    }


def test_mlflow_is_the_same_whether_it_comes_with_the_service_or_alone() -> None:
    alone = {path.name: path for path in files("mlflow")}
    together = {path.name.removeprefix("mlflow-"): path for path in files("plain")}
    for name, path in alone.items():
        assert together[name].resolve() == path.resolve(), name
