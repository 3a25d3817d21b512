"""The image churn-spark: k8s/spark's driver and executors run on it, on a cluster of one node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import kubernetes_validate
import pytest
import yaml

from tests.images.cluster import built, podman
from tests.images.spark_node import IMAGE, STORE_KEYS, STORE_SETTINGS, Node, inside, node
from tests.manifests import spark
from tests.manifests.objects import K8S, ROOT, Object, containers, plain_objects
from tests.manifests.spark_overlay import documented, rendered_overlay
from tests.monitoring_servers import until
from tests.s3_server import BUCKET

TABLE = "data/features/user_features_daily.parquet"
READ = f"""
import pathlib, pyarrow as pa, pyarrow.parquet as pq
from churn_mlops.object_store import open_store
from churn_mlops.tables.manifest import listed
files = listed(pathlib.Path('{TABLE}')).values()
def read(url):
    store, place = open_store(url)
    return pq.read_table(store.open(place, 'rb'))
table = pa.concat_tables(map(read, files))
table = table.sort_by([('user_id', 'ascending'), ('as_of_date', 'ascending')])
"""
KEEP = f"{READ}\npq.write_table(table, 'expected.parquet')"
COMPARE = f"""{READ}
assert table.num_rows > 1000
expected = pq.read_table('expected.parquet')
assert (table.schema.names, table.schema.types) == (expected.schema.names, expected.schema.types)
unequal = [n for n in table.column_names if not table[n].equals(expected[n])]
assert not unequal, [(n, table[n], expected[n]) for n in unequal]
assert all(url.startswith('s3://{BUCKET}/tables/') for url in files)
"""


def settings() -> str:
    """Parameters of a small portal."""
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["data"]["synthetic"] |= {"users": 100, "days": 60}
    return str(yaml.safe_dump(tree, sort_keys=False))


def small(sizes: str) -> str:
    """Sizes for this machine."""
    patch = yaml.safe_load(sizes)
    (container,) = patch["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    own = {"EXECUTORS": "1", "EXECUTOR_CORES": "1", "DRIVER_HEAP": "512m"}
    own |= {"EXECUTOR_HEAP": "512m", "EXECUTOR_OVERHEAD": "1g"}
    assert {one["name"] for one in container["env"]} == set(own)
    container["env"] = [{"name": name, "value": value} for name, value in own.items()]
    container["resources"]["requests"] = {"cpu": "1", "memory": "2Gi"}
    container["resources"]["limits"] = {"cpu": "1", "memory": "2Gi"}
    return str(yaml.safe_dump(patch))


def named(kind: str, name: str, **body: object) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **body}


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """What is in the cluster: of k8s/plain what jobs read, and the overlay of docs/spark.md."""
    overlay = documented() | {"images": [{"name": "churn-spark", "newTag": "dev"}]}
    sizes = small((K8S / "spark/sizes.yaml").read_text())
    made = rendered_overlay(tmp_path_factory.mktemp("k8s"), overlay, sizes)
    (config,) = [o for o in plain_objects() if o["metadata"]["name"] == "churn-config"]
    where = spark.told() | {"CHURN__TABLES__LOCATION": f"s3://{BUCKET}/tables"}
    config = config | {"data": config["data"] | where | STORE_SETTINGS}
    (claim,) = [o for o in plain_objects() if o["metadata"]["name"] == "churn-workspace"]
    keys = named("Secret", "churn-spark-secrets", stringData=STORE_KEYS)
    params = named("ConfigMap", "churn-params", data={"params.yaml": settings()})
    text = json.dumps([*made, config, claim, keys, params])
    # Volumes of these names may be another test's.
    for name in ("workspace", "params"):
        text = text.replace(f'"churn-{name}"', f'"spark-{name}"')
    found: list[Object] = json.loads(text)
    return found


@dataclass
class Ran:
    """A stage that ran on executors, of which the first was lost."""

    node: Node
    code: int
    log: str

    @property
    def executors(self) -> list[Object]:
        """As the driver asked for them."""
        return [
            pod
            for pod in self.node.created
            if pod["metadata"]["labels"].get("spark-role") == "executor"
        ]


def run(running: Node, objects: list[Object], job: str, **environment: str) -> str:
    """Start a driver with some variables of its own; its pod's name."""
    pod = spark.driver(objects, job)
    for pair in containers(pod)[0]["env"]:
        if pair["name"] in environment:
            pair["value"] = environment.pop(pair["name"])
    assert not environment
    running.create(pod)
    return str(pod["metadata"]["name"])


@pytest.fixture(scope="module")
def ran(objects: list[Object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    built("ml spark")
    with node(tmp_path_factory.mktemp("node"), objects) as running:
        stages = "generate-data validate-data prepare-data build-features"
        first = run(running, objects, "first", STAGES=stages, CHURN__ENGINE="duckdb")
        code, log = running.ended(first)
        assert code == 0, log
        inside(KEEP)
        # Few rows need few tasks.
        few = "spark.sql.shuffle.partitions: 2\nspark.default.parallelism: 2"
        second = run(running, objects, "second", STAGES="build-features", MORE_CONF=few)
        ran = Ran(running, 1, "")
        until(lambda: running.is_started(second), "the driver ran")
        until(lambda: ran.executors, "the driver had asked for an executor")
        lost = ran.executors[0]["metadata"]["name"]
        until(lambda: running.is_started(lost), "the executor ran")
        running.kill(lost)
        ran.code, ran.log = running.ended(second)
        yield ran


def test_the_image_says_what_it_is_and_who_runs_in_it(ran: Ran) -> None:
    config = json.loads(podman("inspect", IMAGE))[0]["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["spark-entrypoint"], "in exec form, so that signals arrive"
    assert config["Labels"]["org.opencontainers.image.title"] == "churn-spark"
    assert config["Labels"]["org.opencontainers.image.version"] == "dev"
    left = podman("run", "--rm", "--entrypoint", "ls", IMAGE, "/tmp", "/workspace")
    assert left.split() == ["/tmp:", "/workspace:"], "nothing of its making"


def test_whatever_is_no_executor_is_churn(ran: Ran) -> None:
    assert podman("run", "--rm", "--read-only", IMAGE, "--version") == podman(
        "run", "--rm", "--read-only", "--entrypoint", "churn", IMAGE, "--version"
    )


def test_a_stage_gives_on_executors_what_it_gives_on_one_machine(ran: Ran) -> None:
    """From the store and into it: they share nothing else."""
    assert ran.code == 0, ran.log
    inside(COMPARE)


def test_an_executor_that_is_lost_is_replaced(ran: Ran) -> None:
    names = [pod["metadata"]["name"].rpartition("-")[2] for pod in ran.executors]
    assert names == ["1", "2"]


def test_executors_are_what_the_manifests_say(ran: Ran, objects: list[Object]) -> None:
    """So that all that is tested of them there holds of those that Spark makes."""
    wanted = spark.executor(objects)
    (container,) = containers(wanted)
    for pod in ran.executors:
        kubernetes_validate.validate(
            {k: v for k, v in pod.items() if k != "status"}, "1.33", strict=True
        )
        assert wanted["metadata"]["labels"].items() <= pod["metadata"]["labels"].items()
        (owner,) = pod["metadata"]["ownerReferences"]
        assert owner["name"].startswith("second-0-"), "it goes with its driver"
        for part in set(wanted["spec"]) - {"containers"}:
            assert pod["spec"][part] == wanted["spec"][part], part
        (made,) = containers(pod)
        for part in container:
            assert made[part] == container[part], part


def test_the_driver_used_every_right_that_it_has_and_no_other(
    ran: Ran, objects: list[Object]
) -> None:
    (role,) = [one for one in objects if one["kind"] == "Role"]
    (rule,) = role["rules"]
    assert ran.node.asked() == {
        (verb, kind) for verb in rule["verbs"] for kind in rule["resources"]
    }


def test_no_executor_outlives_the_stage(ran: Ran) -> None:
    assert not [name for name in ran.node.there() if "-exec-" in name]
