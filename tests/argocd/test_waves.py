"""The order in which Argo CD applies an overlay, and that no wave can wait for a later one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.argocd.objects import OVERLAYS, annotation, by_wave, wave
from tests.manifests.objects import Object, containers, key, rendered, templates


def find(name: str, kind: str, object_name: str) -> Object:
    (found,) = [one for one in rendered(name) if key(one) == (kind, object_name)]
    return found


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_order_is_that_of_the_service(name: str) -> None:
    order = [
        find(name, "Namespace", "churn-mlops"),
        find(name, "ConfigMap", "churn-config"),
        find(name, "Deployment", "mlflow"),
        find(name, "Job", "seed-model"),
        find(name, "Deployment", "churn-api"),
        find(name, "CronJob", "batch-score"),
    ]
    waves = [wave(one) for one in order]
    assert waves == sorted(set(waves))
    assert [key(one) for one in by_wave(name)[min(waves)]] == [("Namespace", "churn-mlops")]


@pytest.mark.parametrize("name", OVERLAYS)
def test_failed_jobs_hold_nothing_up(name: str) -> None:
    """Argo CD waits for what is unwell before it goes on; after the last wave it does not."""
    waves = by_wave(name)
    assert {one["kind"] for one in waves[max(waves)]} == {"CronJob"}
    assert not any(annotation(one, "hook") for one in waves[max(waves)])


def needed(template: Object) -> Iterator[tuple[str, str]]:
    """What a pod does not start without: kinds and names."""
    yield "ServiceAccount", template["spec"]["serviceAccountName"]
    for volume in template["spec"].get("volumes", []):
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        elif "configMap" in volume and not volume["configMap"].get("optional"):
            yield "ConfigMap", volume["configMap"]["name"]
    for container in containers(template):
        for source in container.get("envFrom", []):
            if "configMapRef" in source and not source["configMapRef"].get("optional"):
                yield "ConfigMap", source["configMapRef"]["name"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_a_pod_needs_is_there_before(name: str) -> None:
    for one, template in templates(rendered(name)):
        assert list(needed(template))
        for kind, other in needed(template):
            assert wave(find(name, kind, other)) <= wave(one), (key(one), kind, other)


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_volume_comes_with_its_first_pod(name: str) -> None:
    """It may be bound only when a pod wants it: waiting for it in a wave before would not end."""
    made = rendered(name)
    claims = {one["metadata"]["name"]: wave(one) for one in made if "VolumeClaim" in one["kind"]}
    assert claims
    for claim, its in claims.items():
        wanted = ("PersistentVolumeClaim", claim)
        users = [wave(one) for one, template in templates(made) if wanted in needed(template)]
        assert its == min(users), claim


@pytest.mark.parametrize("name", OVERLAYS)
def test_policies_are_there_before_any_pod(name: str) -> None:
    made = rendered(name)
    policies = [wave(one) for one in made if one["kind"] == "NetworkPolicy"]
    assert max(policies) < min(wave(one) for one, _ in templates(made))


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_service_is_with_its_pods(name: str) -> None:
    for kind in ("Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"):
        for one in rendered(name):
            if one["kind"] == kind:
                assert wave(one) == wave(find(name, "Deployment", one["metadata"]["name"]))


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_job_is_made_anew_since_it_cannot_be_changed(name: str) -> None:
    jobs = [one for one in rendered(name) if one["kind"] == "Job"]
    assert jobs
    for one in jobs:
        assert annotation(one, "hook") == "Sync", key(one)
        assert annotation(one, "hook-delete-policy") == "BeforeHookCreation", key(one)


def test_a_laptop_has_no_waves() -> None:
    assert {wave(one) for one in rendered("local")} == {0}
