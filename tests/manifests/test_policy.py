"""Every pod is one that a cluster with restricted pod security takes, and that behaves there.

Pod Security Standards, profile "restricted", of the Kubernetes documentation.
"""

from __future__ import annotations

import pytest

from tests.manifests.objects import SOURCES, Object, containers, everything, key, templates

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def pods(source: str) -> list[tuple[Object, Object]]:
    found = list(templates(everything(source)))
    assert found
    return found


@pytest.mark.parametrize("source", SOURCES)
def test_the_restricted_profile_is_enforced_and_met(source: str) -> None:
    (space,) = [one for one in everything(source) if one["kind"] == "Namespace"]
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for one, template in pods(source):
        spec = template["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), key(one)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= VOLUMES, key(one)
        for container in containers(template):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, key(one)
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
            assert not context.get("privileged")
            assert all("hostPort" not in port for port in container.get("ports", []))


@pytest.mark.parametrize("source", SOURCES)
def test_nobody_has_a_token_or_the_variables_of_services(source: str) -> None:
    """A service "mlflow" would set MLFLOW_PORT to an address, which MLflow's server reads."""
    for one, template in pods(source):
        # Spark's driver asks for executors.
        asks = key(one) == ("CronJob", "spark-tables")
        assert template["spec"]["automountServiceAccountToken"] is asks, key(one)
        assert template["spec"]["enableServiceLinks"] is False, key(one)
    for one in everything(source):
        if one["kind"] == "ServiceAccount":
            assert one["automountServiceAccountToken"] is False


@pytest.mark.parametrize("source", SOURCES)
def test_resources_probes_and_images_are_told(source: str) -> None:
    for one, template in pods(source):
        for container in containers(template):
            for kind in ("requests", "limits"):
                assert set(container["resources"][kind]) >= {"cpu", "memory"}, key(one)
            tag = container["image"].rpartition(":")[2]
            assert tag not in ("", "latest")
            assert container["imagePullPolicy"] == "IfNotPresent"
            if one["kind"] == "Deployment":
                wanted = {"startupProbe", "livenessProbe", "readinessProbe"}
                assert wanted <= set(container), key(one)


@pytest.mark.parametrize("source", SOURCES)
def test_objects_carry_the_recommended_labels(source: str) -> None:
    wanted = {f"app.kubernetes.io/{name}" for name in ("name", "part-of", "component")}
    for one in everything(source):
        labels = set(one["metadata"].get("labels", {}))
        assert wanted <= labels or one["kind"] == "Namespace", key(one)


@pytest.mark.parametrize("source", SOURCES)
def test_a_volume_of_one_node_is_never_in_two_pods(source: str) -> None:
    """The workspace is the jobs', which come one after the other and lock it; MLflow has its own.

    Two servers at once would share MLflow's: it is recreated.
    """
    mounted: dict[str, list[Object]] = {}
    for one, template in pods(source):
        for volume in template["spec"].get("volumes", []):
            if claim := volume.get("persistentVolumeClaim"):
                mounted.setdefault(claim["claimName"], []).append(one)
    for claim, by in mounted.items():
        kinds = {one["kind"] for one in by}
        if kinds == {"Deployment"}:
            (one,) = by
            assert one["spec"]["replicas"] == 1, claim
            assert one["spec"]["strategy"]["type"] == "Recreate"
        else:
            assert kinds <= {"Job", "CronJob"}, claim
    for one, _ in pods(source):
        if one["kind"] == "CronJob":
            spec = one["spec"]
            assert spec["concurrencyPolicy"] == "Forbid"
            assert spec["startingDeadlineSeconds"] > 0
            assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > 0
            assert spec["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] > 0


def test_whoever_is_not_named_does_not_come_in() -> None:
    policies = [one for one in everything("plain") if one["kind"] == "NetworkPolicy"]
    (everybody,) = [one for one in policies if one["metadata"]["name"] == "default-deny"]
    assert everybody["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
