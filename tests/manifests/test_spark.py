"""k8s/spark: what the driver is told is understood, its rights are few, its ports are open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from churn_mlops.cli import app
from churn_mlops.cluster import addresses
from churn_mlops.errors import ParamsError
from churn_mlops.params import load
from tests.manifests import spark
from tests.manifests.objects import K8S, NAMESPACE, ROOT, Object, containers, everything, rendered
from tests.manifests.spark_overlay import documented, rendered_overlay
from tests.manifests.spark_properties import is_known

DRIVER, EXECUTOR = "spark-driver", "spark-executor"
COMPONENT = "app.kubernetes.io/component"
# What another store or a longer way to the Kubernetes API needs is an overlay's to add.
OUTSIDE = {DRIVER: {53, 443, 6443}, EXECUTOR: {53, 443}}


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return everything("spark")


@pytest.fixture(scope="module")
def conf(objects: list[Object]) -> dict[str, str]:
    return spark.params(objects).spark.conf


def one(objects: list[Object], kind: str, name: str) -> Object:
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
    return found


def container(pod: Object) -> Object:
    (found,) = containers(pod)
    return found


def test_the_parameters_are_those_of_a_cluster(objects: list[Object]) -> None:
    params = spark.params(objects)
    assert params.engine == "spark"
    assert (params.tables.format, params.tables.location) == ("parquet", "s3://my-bucket/tables")
    assert params.spark.start_seconds >= 300, "until a cluster has grown"
    (address,) = addresses(params.spark.master)
    assert address == ("kubernetes.default.svc", 443)


def test_nothing_starts_before_it_is_told_where_tables_lie() -> None:
    """Executors would write to disks of their own."""
    with pytest.raises(KeyError, match="CHURN__TABLES__LOCATION"):
        spark.variables(spark.driver(rendered("spark")), everything("plain"))


def test_every_property_is_one_of_spark(conf: dict[str, str]) -> None:
    assert len(conf) > 15
    for name in conf:
        assert is_known(name), name
    assert not is_known("spark.kubernetes.executor.podTemplate")


def test_more_properties_can_be_given(objects: list[Object]) -> None:
    given = spark.variables(spark.driver(objects), objects)["CHURN__SPARK__CONF"]
    pod = spark.driver(objects)
    (more,) = [pair for pair in container(pod)["env"] if pair["name"] == "MORE_CONF"]
    more["value"] = "spark.sql.shuffle.partitions: 800\nspark.log.level: WARN"
    text = spark.variables(pod, objects)["CHURN__SPARK__CONF"]
    added = yaml.safe_load(text).items() - yaml.safe_load(given).items()
    assert dict(added) == {"spark.sql.shuffle.partitions": 800, "spark.log.level": "WARN"}


def test_a_mistake_in_the_properties_is_told() -> None:
    with pytest.raises(ParamsError, match="CHURN__SPARK__CONF is not valid YAML"):
        load(ROOT / "params.yaml", environment={"CHURN__SPARK__CONF": "spark.a: b\n$(MORE_CONF)"})


def test_stages_are_commands_that_take_the_parameters(objects: list[Object]) -> None:
    given = spark.variables(spark.driver(objects), objects)
    stages = given["STAGES"].split()
    assert stages[-1] == "build-training-set"
    (script,) = container(spark.driver(objects))["args"]
    assert 'churn "$stage" --params "$params"' in script
    for stage in (*stages, "batch-score", "drift-check"):
        told = CliRunner().invoke(app, [stage, "--params", "params.yaml", "--help"])
        assert told.exit_code == 0, told.output


def test_the_order_is_that_of_the_pipeline(objects: list[Object]) -> None:
    """No stage reads what a later one writes."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    named = spark.variables(spark.driver(objects), objects)["STAGES"].split()
    order = [name.replace("-", "_") for name in named]
    for number, name in enumerate(order):
        later = {_path(out) for other in order[number:] for out in stages[other]["outs"]}
        assert not later & {_path(dep) for dep in stages[name]["deps"]}, name


def _path(entry: str | dict[str, Any]) -> str:
    return entry if isinstance(entry, str) else next(iter(entry))


def test_executors_run_the_image_of_their_driver(objects: list[Object], tmp_path: Path) -> None:
    (image,) = {
        container(spark.driver(objects))["image"],
        container(spark.executor(objects))["image"],
    }
    assert image.partition(":")[0] == "churn-spark"
    sizes = (K8S / "spark/sizes.yaml").read_text()
    own = rendered_overlay(tmp_path, documented(), sizes)
    there = [*everything("plain"), *own]
    there = [o | {"data": o["data"] | spark.told()} if o.get("data") else o for o in there]
    chosen = "registry.example.com/churn-spark:0.1.0"
    assert container(spark.driver(there))["image"] == chosen
    assert spark.params(there).spark.conf["spark.kubernetes.container.image"] == chosen


def test_the_driver_may_do_with_pods_what_it_does(objects: list[Object]) -> None:
    """What it does is seen in tests/images: nothing is refused there, and no right is unused."""
    role = one(objects, "Role", "churn-spark")
    verbs = ["get", "list", "watch", "create", "delete", "deletecollection"]
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]
    binding = one(objects, "RoleBinding", "churn-spark")
    assert binding["roleRef"]["kind"] == "Role"
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (subject,) = binding["subjects"]
    account = {"kind": "ServiceAccount", "name": "churn-spark", "namespace": NAMESPACE}
    assert subject == account
    assert spark.driver(objects)["spec"]["serviceAccountName"] == account["name"]
    assert spark.executor(objects)["spec"]["serviceAccountName"] == "churn-jobs"
    bound = [subject for o in objects if "Binding" in o["kind"] for subject in o["subjects"]]
    assert bound == [account], "nobody else has rights"
    assert {o["kind"] for o in objects} & {"ClusterRole", "ClusterRoleBinding"} == set()


def test_executors_have_the_keys_of_the_store_and_no_other(objects: list[Object]) -> None:
    secrets = [
        source["secretRef"]["name"]
        for source in container(spark.executor(objects))["envFrom"]
        if "secretRef" in source
    ]
    assert secrets == ["churn-spark-secrets"]


def test_executors_find_the_driver_by_the_name_that_the_service_gives(
    objects: list[Object], conf: dict[str, str]
) -> None:
    job = one(objects, "CronJob", "spark-tables")["spec"]["jobTemplate"]["spec"]
    assert job["completionMode"] == "Indexed"
    assert (job["completions"], job["parallelism"]) == (1, 1)
    service = one(objects, "Service", spark.driver(objects)["spec"]["subdomain"])
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    name = f"one-0.{service['metadata']['name']}.{service['metadata']['namespace']}.svc"
    assert conf["spark.driver.host"] == name
    # Each job's first label in the network holds its time as well: a name has 63 characters.
    assert len("spark-tables-12345678-0") < 63


def test_ports_are_the_same_wherever_they_are_named(
    objects: list[Object], conf: dict[str, str]
) -> None:
    opened = {p["name"]: p["containerPort"] for p in container(spark.driver(objects))["ports"]}
    wanted = (int(conf["spark.driver.port"]), int(conf["spark.blockManager.port"]))
    assert (opened["driver"], opened["blocks"]) == wanted
    assert conf["spark.port.maxRetries"] == "0", "no other is let through"
    service = one(objects, "Service", "churn-spark")["spec"]["ports"]
    assert {port["targetPort"]: port["port"] for port in service} == opened


def pods_of(objects: list[Object]) -> dict[str, Object]:
    return {DRIVER: spark.driver(objects), EXECUTOR: spark.executor(objects)}


def test_driver_and_executors_reach_each_other_and_what_they_need(objects: list[Object]) -> None:
    """A way is open when the one may leave by it and the other lets it in."""
    pods = pods_of(objects)
    rules = {name: one(objects, "NetworkPolicy", name)["spec"] for name in pods}
    for name, pod in pods.items():
        assert rules[name]["podSelector"] == {"matchLabels": {COMPONENT: name}}
        assert pod["metadata"]["labels"][COMPONENT] == name
        assert rules[name]["policyTypes"] == ["Ingress", "Egress"]
    ways = {
        (DRIVER, EXECUTOR, "blockmanager"),
        (EXECUTOR, DRIVER, "driver"),
        (EXECUTOR, DRIVER, "blocks"),
        (EXECUTOR, EXECUTOR, "blockmanager"),
    }
    left = {(a, b, port) for a in pods for b, port in _peers(rules[a]["egress"], "to") if b in pods}
    entered = {(a, b, port) for b in pods for a, port in _peers(rules[b]["ingress"], "from")}
    assert left == entered == ways
    for _, to, port in ways:
        assert port in {p["name"] for p in container(pods[to])["ports"]}, (to, port)
    for name in pods:
        anywhere = [rule for rule in rules[name]["egress"] if "to" not in rule]
        assert {p["port"] for rule in anywhere for p in rule["ports"]} == OUTSIDE[name]


def _peers(rules: list[Object], side: str) -> set[tuple[str, str]]:
    """The components named by rules, with the ports."""
    found = set()
    for rule in rules:
        for peer in rule.get(side, []):
            selector = peer["podSelector"]
            names = list(selector.get("matchLabels", {}).values())
            names += [v for e in selector.get("matchExpressions", []) for v in e["values"]]
            found |= {(name, port["port"]) for name in names for port in rule["ports"]}
    return found


def test_services_of_the_namespace_let_the_driver_in(objects: list[Object]) -> None:
    """MLflow and the Pushgateway know jobs by their name."""
    labels = spark.driver(objects)["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "churn-jobs"
    for name in ("mlflow", "pushgateway"):
        assert "churn-jobs" in str(one(objects, "NetworkPolicy", name)["spec"]["ingress"]), name
        assert name in str(one(objects, "NetworkPolicy", DRIVER)["spec"]["egress"])


def test_only_who_knows_the_secret_is_spoken_to(conf: dict[str, str]) -> None:
    assert conf["spark.authenticate"] == "true"
    assert conf["spark.network.crypto.enabled"] == "true"


def test_the_template_is_where_spark_looks_and_says_where_it_may_write(
    objects: list[Object], conf: dict[str, str]
) -> None:
    pod = spark.driver(objects)
    path = Path(conf["spark.kubernetes.executor.podTemplateFile"])
    (mount,) = [m for m in container(pod)["volumeMounts"] if m["mountPath"] == str(path.parent)]
    (volume,) = [v for v in pod["spec"]["volumes"] if v["name"] == mount["name"]]
    assert path.name in one(objects, "ConfigMap", volume["configMap"]["name"])["data"]
    made = container(spark.template(objects))
    assert made["name"] == conf["spark.kubernetes.executor.podTemplateContainerName"]
    # The root is read-only: it works, and sorts, in a volume.
    mounts = {m["mountPath"]: m["name"] for m in made["volumeMounts"]}
    assert mounts[made["workingDir"]].startswith("spark-local-dir-"), "by which Spark knows it"
    assert "/tmp" in mounts


def test_memory_that_spark_takes_is_memory_that_pods_have(
    objects: list[Object], conf: dict[str, str]
) -> None:
    limit = container(spark.driver(objects))["resources"]["limits"]["memory"]
    assert spark.mebibytes(conf["spark.driver.memory"]) < spark.mebibytes(limit[:-1].lower())
    assert conf["spark.kubernetes.executor.limit.cores"] == conf["spark.executor.cores"]
