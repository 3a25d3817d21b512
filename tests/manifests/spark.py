"""Spark on Kubernetes: the driver's pod, what it tells Spark, and the executors that come of it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import yaml

from churn_mlops.params import Params, load
from tests.manifests.environment import environment
from tests.manifests.objects import ROOT, Object, plain_objects, rendered

PAGE = ROOT / "docs/spark.md"
TEMPLATE = "executor.yaml"


def told() -> dict[str, str]:
    """What the page's command sets in the config map churn-config."""
    line = re.search(
        r"^ *(kubectl .* patch configmap churn-config .*)$", PAGE.read_text(), re.MULTILINE
    )
    assert line
    words = shlex.split(line[1])
    found: dict[str, str] = json.loads(words[words.index("--patch") + 1])["data"]
    return found


def applied() -> list[Object]:
    """The folders and k8s/spark, after the page's command."""
    objects = [*plain_objects(), *rendered("spark")]
    for number, one in enumerate(objects):
        if one["metadata"]["name"] == "churn-config":
            objects[number] = one | {"data": one["data"] | told()}
    return objects


def driver(objects: list[Object], job: str = "one") -> Object:
    """The pod that a Job of the CronJob makes."""
    (cron,) = [one for one in objects if one["metadata"]["name"] == "spark-tables"]
    template = json.loads(json.dumps(cron["spec"]["jobTemplate"]["spec"]["template"]))
    pod: Object = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] |= {"name": f"{job}-0-x7k2p", "namespace": cron["metadata"]["namespace"]}
    pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = job
    return pod


def variables(pod: Object, objects: list[Object]) -> dict[str, str]:
    """The environment of a pod's only container."""
    (container,) = pod["spec"]["containers"]
    maps = [one for one in objects if one["kind"] in ("ConfigMap", "Secret")]
    return environment(container, pod, maps)


def params(objects: list[Object], file: Path = ROOT / "params.yaml") -> Params:
    """The parameters that the driver works with."""
    return load(file, environment=variables(driver(objects), objects))


def template(objects: list[Object]) -> Object:
    """The file that the driver's Spark reads."""
    (one,) = [o for o in objects if TEMPLATE in o.get("data", {})]
    found: Object = yaml.safe_load(one["data"][TEMPLATE])
    return found


def executor(objects: list[Object]) -> Object:
    """An executor: the template, and what Spark adds to it of the sizes, the image and the ports.

    That it does add this is seen in tests/images.
    """
    conf = params(objects).spark.conf
    pod = template(objects)
    pod["metadata"] |= {"name": "executor", "namespace": conf["spark.kubernetes.namespace"]}
    pod["spec"]["restartPolicy"] = "Never"
    (container,) = pod["spec"]["containers"]
    parts = ("spark.executor.memory", "spark.executor.memoryOverhead")
    memory = f"{sum(mebibytes(conf[part]) for part in parts)}Mi"
    requests = {"cpu": conf["spark.executor.cores"], "memory": memory}
    container |= {
        "image": conf["spark.kubernetes.container.image"],
        "imagePullPolicy": "IfNotPresent",
        "args": ["executor"],
        "ports": [{"name": "blockmanager", "containerPort": int(conf["spark.blockManager.port"])}],
        "resources": {
            "requests": requests,
            "limits": requests | {"cpu": conf["spark.kubernetes.executor.limit.cores"]},
        },
    }
    return pod


def mebibytes(amount: str) -> int:
    """Of an amount as Spark writes it: 4g, 512m."""
    return int(amount[:-1]) * {"m": 1, "g": 1024}[amount[-1]]
