"""What the applications name is there, and may be there; production loses nothing by itself."""

from __future__ import annotations

import pytest

from tests.argocd.objects import OVERLAYS, annotation, applications, objects, overlay, project
from tests.manifests.objects import NAMESPACE, ROOT, Object, rendered

KINDS = ("Namespace", "PersistentVolumeClaim")


def application(name: str) -> Object:
    (found,) = [one for one in applications() if overlay(one) == name]
    return found


def test_there_is_one_for_each_of_the_two() -> None:
    assert OVERLAYS == ["production", "staging"]
    for one in objects():
        assert one["metadata"]["namespace"] == "argocd"


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_path_is_there_and_renders(name: str) -> None:
    spec = application(name)["spec"]
    assert (ROOT / spec["source"]["path"] / "kustomization.yaml").exists()
    assert len(rendered(name)) > 30
    assert spec["source"]["repoURL"] in project()["spec"]["sourceRepos"]
    assert spec["project"] == project()["metadata"]["name"]
    assert spec["destination"] in project()["spec"]["destinations"]
    assert spec["destination"] == {"name": name, "namespace": NAMESPACE}


def kinds_of(made: list[Object]) -> set[tuple[str, str]]:
    return {(one["apiVersion"].rpartition("/")[0], one["kind"]) for one in made}


def allowed(name: str) -> set[tuple[str, str]]:
    return {(one["group"], one["kind"]) for one in project()["spec"][name]}


def test_the_project_allows_what_there_is_and_nothing_else() -> None:
    made = [one for name in OVERLAYS for one in rendered(name)]
    cluster = kinds_of([one for one in made if "namespace" not in one["metadata"]])
    assert cluster == {("", "Namespace"), ("storage.k8s.io", "StorageClass")}
    assert allowed("clusterResourceWhitelist") == cluster
    assert allowed("namespaceResourceWhitelist") == kinds_of(made) - cluster


def test_secrets_are_not_in_git() -> None:
    assert not any(kind == "Secret" for name in OVERLAYS for _, kind in kinds_of(rendered(name)))


def test_production_takes_nothing_away_by_itself() -> None:
    production, staging = application("production"), application("staging")
    assert production["spec"]["syncPolicy"]["automated"] == {"prune": False, "selfHeal": True}
    assert "finalizers" not in production["metadata"]
    assert staging["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_holds_data_stays(name: str) -> None:
    holding = [one for one in rendered(name) if one["kind"] in KINDS]
    assert holding
    for one in holding:
        options = set(annotation(one, "sync-options").split(","))
        assert options == {"Prune=false", "Delete=false"}, one["metadata"]["name"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_autoscaler_and_argo_cd_do_not_fight(name: str) -> None:
    """Who is scaled has no number of replicas in git."""
    made = rendered(name)
    scaled = [o["spec"]["scaleTargetRef"]["name"] for o in made if "scaleTargetRef" in str(o)]
    assert scaled == ["churn-api"]
    (api,) = [o for o in made if o["kind"] == "Deployment" and o["metadata"]["name"] in scaled]
    assert "replicas" not in api["spec"]
