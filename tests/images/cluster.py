"""Runs the objects of k8s/ with podman: pods, volumes and configuration are the manifests' own.

Podman knows no Jobs: the pod that one would start is started. What a service's name leads to in a
cluster, an alias of the pod's leads to here.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.integration.tools import require_tool
from tests.manifests.objects import Object, rendered

HERE = Path(__file__).parent
NETWORK = "churn-test"
TOOLS = ("podman", "debootstrap", "kubectl")


@lru_cache
def built(images: str = "api ml") -> None:
    """Images such as churn-api:dev are there, of this checkout, built as `make images` does."""
    for tool in TOOLS:
        require_tool(tool)
    # One process at a time: another one then finds all layers made.
    with (Path(tempfile.gettempdir()) / "churn-images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [str(HERE / "build.sh")],
            env=os.environ | {"IMAGES": images},
            capture_output=True,
            text=True,
            timeout=1_800,
            check=False,
        )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]


def podman(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(
        ["podman", *arguments],
        env=os.environ | {"CONTAINERS_CONF": str(HERE / "containers.conf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or not check, f"podman {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def restart(container: str) -> None:
    """Stop a pod's only container and start it anew; podman stops and starts the pod with it."""
    podman("stop", container)
    podman("start", container)


class Cluster:
    """A network in which pods of the overlay `local` run, until it is taken down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._objects = {(one["kind"], one["metadata"]["name"]): one for one in rendered("local")}
        self._files: list[Path] = []
        # Claims are made once; podman takes no second one of the same name.
        self._play("claims", self._of("PersistentVolumeClaim"))

    def deploy(self, name: str, replica: str = "") -> str:
        """Start a pod of a Deployment; returns the name of its container.

        Its name is that of its service, as the manifests have it. A further pod of the same
        Deployment needs a name of its own.
        """
        made = json.loads(json.dumps(self._objects["Deployment", name]))
        made["metadata"]["name"] += replica
        for container in made["spec"]["template"]["spec"]["containers"]:
            # Podman would listen there on this machine, too, on all addresses.
            container.pop("ports")
        self._play(name + replica, [*self._of("ConfigMap"), made], alias=name)
        return f"{name}{replica}-pod-0-{made['spec']['template']['spec']['containers'][0]['name']}"

    def container_of(self, name: str) -> Object:
        """The container of a Deployment's pods, as the manifest has it."""
        (one,) = self._objects["Deployment", name]["spec"]["template"]["spec"]["containers"]
        found: Object = one
        return found

    def end(self, container: str, name: str) -> None:
        """End a pod as a node does: SIGTERM, and SIGKILL when its time of grace is over."""
        grace = self._objects["Deployment", name]["spec"]["template"]["spec"]
        podman("stop", "--time", str(grace["terminationGracePeriodSeconds"]), container)

    def job(self, name: str, *arguments: str, params: str | None = None) -> tuple[int, str]:
        """Run a Job's or a CronJob's pod to its end; its exit code and its log.

        Parameters
        ----------
        name : str
        arguments : str
            Instead of the job's own.
        params : str, optional
            The ``params.yaml`` of the config map churn-params.
        """
        container = self.begin(name, *arguments, params=params)
        code = int(podman("wait", container).strip())
        log = podman("logs", container, check=False)
        podman("kube", "down", str(self._files.pop()))
        return code, log

    def begin(self, name: str, *arguments: str, params: str | None = None) -> str:
        """Start a job's pod; returns the name of its container."""
        one = self._objects.get(("Job", name)) or self._objects["CronJob", name]
        spec = one["spec"] if one["kind"] == "Job" else one["spec"]["jobTemplate"]["spec"]
        pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", **spec["template"]}
        pod["metadata"] = {**pod["metadata"], "name": name}
        pod = json.loads(json.dumps(pod))
        if arguments:
            pod["spec"]["containers"][0]["args"] = list(arguments)
        more = []
        if params is not None:
            meta = {"name": "churn-params"}
            data = {"params.yaml": params}
            more.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
        self._play(name, [*self._of("ConfigMap"), *more, pod])
        return f"{name}-job"

    def address(self, container: str) -> str:
        """The address of a container's pod."""
        infra = json.loads(podman("inspect", container))[0]["HostConfig"]["NetworkMode"]
        inspected = json.loads(podman("inspect", infra.removeprefix("container:")))[0]
        return str(inspected["NetworkSettings"]["Networks"][NETWORK]["IPAddress"])

    def down(self) -> None:
        for file in reversed(self._files):
            podman("kube", "down", str(file), check=False)
        self._files.clear()

    def claims(self) -> list[str]:
        """The names of its volumes."""
        return [one["metadata"]["name"] for one in self._of("PersistentVolumeClaim")]

    def _of(self, kind: str) -> list[Object]:
        return [one for (other, _), one in self._objects.items() if other == kind]

    def _play(self, name: str, objects: list[Object], alias: str | None = None) -> None:
        file = self._folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all(objects))
        self._files.append(file)
        network = NETWORK if alias is None else f"{NETWORK}:alias={alias}"
        podman("kube", "play", "--network", network, str(file))


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """An empty one; all of it is taken away in the end."""
    podman("network", "create", NETWORK)
    made = Cluster(folder)
    try:
        yield made
    finally:
        made.down()
        # Podman keeps what a config map is mounted as in a volume of its name.
        for volume in (*made.claims(), "churn-params"):
            podman("volume", "rm", "--force", volume, check=False)
        podman("network", "rm", "--force", NETWORK)
