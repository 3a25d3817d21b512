"""A cluster for Spark: a Kubernetes API, a node that runs its pods with podman, an object store.

The API decides by the Role of k8s/spark. A pod is played as it was created, with the environment
that a kubelet would give it; names of services are aliases in podman's network.
"""

from __future__ import annotations

import ipaddress
import json
import shutil
import ssl
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.certificates import certificate
from tests.images.cluster import HERE, podman
from tests.manifests.environment import environment
from tests.manifests.objects import NAMESPACE, Object
from tests.monitoring_servers import until
from tests.s3_server import BUCKET, KEY, SECRET

NETWORK = "churn-spark-test"
API, STORE = "kubernetes.default.svc", "store"
IMAGE = "churn-spark:dev"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
# What keys and addresses of the store are in the cluster.
STORE_SETTINGS = {"AWS_ENDPOINT_URL": f"http://{STORE}:8333", "AWS_REGION": "us-east-1"}
FILES = f"s3fs.S3FileSystem(endpoint_url='{STORE_SETTINGS['AWS_ENDPOINT_URL']}')"
STORE_KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


class Node:
    """Runs what the API has, until it is closed.

    Parameters
    ----------
    folder : Path
        For its files.
    objects : list of mapping
        What was applied: the maps that pods read, claims, the Role.
    """

    def __init__(self, folder: Path, objects: list[Object]) -> None:
        self._folder, self._objects = folder, objects
        self._addresses = self._free_addresses()
        self._started: dict[str, str] = {}
        self._failed: list[Exception] = []
        self._closed = threading.Event()
        self.created: list[Object] = []
        # Claims are made once; podman takes no second one of the same name.
        (folder / "claims.yaml").write_text(yaml.safe_dump_all(self._of("PersistentVolumeClaim")))
        podman("kube", "play", str(folder / "claims.yaml"))
        self._address = self._serve()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def create(self, pod: Object) -> None:
        """What a controller does."""
        self._ask("POST", PODS, pod)

    def ended(self, name: str) -> tuple[int, str]:
        """Exit code and log of a pod's only container, once it has ended."""
        until(lambda: self.is_started(name), f"{name} had been started")
        code = int(podman("wait", self._started[name]).strip())
        return code, self.log(name)

    def log(self, name: str) -> str:
        return podman("logs", self._started[name], check=False)

    def is_started(self, name: str) -> bool:
        if self._failed:
            raise AssertionError("the node ended") from self._failed[0]
        return name in self._started

    def kill(self, name: str) -> None:
        """What happens to who needs more memory than it has."""
        podman("kill", "--signal=KILL", self._started[name])

    def there(self) -> set[str]:
        """The names of the pods that the API has."""
        return {pod["metadata"]["name"] for pod in self._ask("GET", PODS)["items"]}

    def asked(self) -> set[tuple[str, str]]:
        """Verbs and kinds that were asked for by whoever has the token of the Role."""
        return {(verb, kind) for verb, kind in self._ask("GET", "/asked")}

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        for name in self._started:
            podman("pod", "rm", "--force", name, check=False)

    def _of(self, *kinds: str) -> list[Object]:
        return [one for one in self._objects if one["kind"] in kinds]

    def _serve(self) -> str:
        folder = self._folder / "kube"
        folder.mkdir()
        certificate(folder, API)
        shutil.copy(HERE / "kube_api.py", folder)
        (role,) = self._of("Role")
        (folder / "rules.json").write_text(json.dumps({"driver": role["rules"], "node": None}))
        account = self._folder / "account"
        account.mkdir()
        shutil.copy(folder / "certificate.pem", account / "ca.crt")
        (account / "token").write_text("driver")
        (account / "namespace").write_text(NAMESPACE)
        address = next(self._addresses)
        self._run(API, address, "--user=0", f"--volume={folder}:/kube:ro", "--entrypoint=python",
                  IMAGE, "/kube/kube_api.py", "/kube")  # fmt: skip
        self._trust = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
        self._trust.check_hostname = False
        until(lambda: self._answers(address), "the API answered")
        return address

    def _run(self, alias: str, address: str, *words: str) -> None:
        network = f"--network={NETWORK}:ip={address},alias={alias}"
        podman("run", "--detach", "--name", f"churn-spark-{alias}", network, *words)

    def _answers(self, address: str) -> bool:
        self._address = address
        try:
            return bool(self._ask("GET", PODS))
        except OSError:
            return False

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"https://{self._address}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": "Bearer node"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:
            return json.loads(answer.read())

    def _watch(self) -> None:
        try:
            while not self._closed.wait(0.3):
                self._look()
        except Exception as error:  # told by whoever waits for a pod
            self._failed.append(error)

    def _look(self) -> None:
        pods = {pod["metadata"]["name"]: pod for pod in self._ask("GET", PODS)["items"]}
        for name, pod in pods.items():
            if name not in self._started:
                self._play(name, pod)
            else:
                self._tell(name, pod)
        for name in set(self._started) - set(pods):
            podman("pod", "stop", "--time=5", name, check=False)

    def _play(self, name: str, pod: Object) -> None:
        self.created.append(json.loads(json.dumps(pod)))
        address = next(self._addresses)
        ready = [{"type": "Ready", "status": "True"}]
        pod["status"] = {"phase": "Running", "podIP": address, "conditions": ready}
        played = self._as_podman_takes_it(pod)
        file = self._folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump_all([*self._of("ConfigMap"), played]))
        # An index of an indexed job is a name in its service.
        job = pod["metadata"]["labels"].get("batch.kubernetes.io/job-name", "none")
        alias = f"{job}-0.{pod['spec'].get('subdomain', 'none')}.{NAMESPACE}.svc"
        (container,) = pod["spec"]["containers"]
        podman("kube", "play", f"--network={NETWORK}:ip={address},alias={alias}", str(file))
        self._started[name] = f"{name}-{container['name']}"
        self._ask("PUT", f"{PODS}/{name}", pod)

    def _as_podman_takes_it(self, pod: Object) -> Object:
        made: Object = json.loads(json.dumps(pod))
        (container,) = made["spec"]["containers"]
        env = environment(container, pod, self._of("ConfigMap", "Secret"))
        container["env"] = [{"name": name, "value": value} for name, value in env.items()]
        for unknown in ("envFrom", "ports"):
            container.pop(unknown, None)
        # Podman gives an empty folder of the same name to all pods.
        for volume in made["spec"]["volumes"]:
            if "emptyDir" in volume:
                for mount in container["volumeMounts"]:
                    if mount["name"] == volume["name"]:
                        mount["name"] += f"-of-{pod['metadata']['name']}"
                volume["name"] += f"-of-{pod['metadata']['name']}"
        if made["spec"]["automountServiceAccountToken"]:
            volume = {"name": "account", "hostPath": {"path": str(self._folder / "account")}}
            made["spec"]["volumes"].append(volume)
            mount = {"name": "account", "mountPath": ACCOUNT, "readOnly": True}
            container["volumeMounts"].append(mount)
        return made

    def _tell(self, name: str, pod: Object) -> None:
        """Say of a container that has ended how it did."""
        if pod["status"]["phase"] != "Running":
            return
        (state,) = json.loads(podman("inspect", self._started[name]))
        if state["State"]["Status"] != "exited":
            return
        pod["status"]["phase"] = "Failed" if state["State"]["ExitCode"] else "Succeeded"
        self._ask("PUT", f"{PODS}/{name}", pod)

    @staticmethod
    def _free_addresses() -> Iterator[str]:
        (network,) = json.loads(podman("network", "inspect", NETWORK))
        hosts = ipaddress.ip_network(network["subnets"][0]["subnet"]).hosts()
        return (str(host) for number, host in enumerate(hosts) if number > 100)


def _store(folder: Path) -> None:
    """SeaweedFS with one bucket."""
    keys = [{"accessKey": KEY, "secretKey": SECRET}]
    identity = {"name": "tests", "credentials": keys, "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    weed = Path(sys.executable).with_name("weed")
    podman(
        *("run", "--detach", "--name", f"churn-spark-{STORE}", "--user=0"),
        f"--network={NETWORK}:alias={STORE}",
        *(f"--volume={weed}:/weed:ro", f"--volume={folder}/s3.json:/s3.json:ro"),
        *("--tmpfs=/data", "--entrypoint=/weed", IMAGE, "server", "-s3", "-s3.config=/s3.json"),
        *("-dir=/data", "-volume.max=20", "-master.volumeSizeLimitMB=64"),
        *("-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
    )
    until(lambda: _in_network(f"import s3fs; {FILES}.mkdir('{BUCKET}')", check=False), "a bucket")


def inside(code: str) -> None:
    """Run Python in the cluster, with the workspace and the store; it must end well."""
    assert _in_network(code, check=True)


def _in_network(code: str, check: bool) -> bool:
    keys = [f"--env={name}={value}" for name, value in (STORE_SETTINGS | STORE_KEYS).items()]
    told = podman(
        *("run", "--rm", f"--network={NETWORK}", *keys, "--volume=spark-workspace:/workspace"),
        *("--entrypoint=sh", IMAGE, "-c", 'python -c "$0" && echo done', code),
        check=check,
    )
    return told.endswith("done\n")


@contextmanager
def node(folder: Path, objects: list[Object]) -> Iterator[Node]:
    """A node with its API and its store; all of it is taken away in the end."""
    podman("network", "create", NETWORK)
    made = None
    try:
        made = Node(folder, objects)
        _store(folder)
        yield made
    finally:
        if made:
            made.close()
        for name in (API, STORE):
            podman("rm", "--force", f"churn-spark-{name}", check=False)
        for one in objects:
            if one["kind"] in ("ConfigMap", "PersistentVolumeClaim"):
                podman("volume", "rm", "--force", one["metadata"]["name"], check=False)
        podman("network", "rm", "--force", NETWORK)
