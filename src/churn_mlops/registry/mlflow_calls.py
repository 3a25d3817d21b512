"""What the MLflow worker does on request; `mlflow_registry.Tracker` has the same calls, typed.

A version of a registered model goes to the parent as ``{"version", "run_id", "tags", "aliases",
"created"}``: the number as str, ``created`` as milliseconds since 1970.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Names one bundle exactly; `register` and `find_run` go by it.
DIGEST_TAG = "bundle_sha256"
PAGE = 1000


@dataclass(frozen=True)
class Connection:
    """An ``MlflowClient``, the URI that it was made with, and the experiment that runs go to."""

    client: Any
    uri: str
    experiment_id: str


def log(link: Connection, run: Mapping[str, Any]) -> str:
    """Log one run with everything that belongs to it; a run that fails half-way is marked so."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    client = link.client
    now = int(time.time() * 1000)
    run_id = str(client.create_run(link.experiment_id, run_name=run["name"]).info.run_id)
    try:
        client.log_batch(
            run_id,
            metrics=[Metric(key, float(value), now, 0) for key, value in run["metrics"].items()],
            params=[Param(key, value) for key, value in run["params"].items()],
            tags=[RunTag(key, value) for key, value in run["tags"].items()],
        )
        data = run["dataset"]
        dataset = Dataset(
            name=data["name"],
            digest=data["digest"][:32],
            source_type="local",
            source=json.dumps({"uri": data["path"]}),
        )
        client.log_inputs(
            run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        )
        for path, folder in run["artifacts"]:
            send = client.log_artifacts if Path(path).is_dir() else client.log_artifact
            send(run_id, path, folder or None)
    except Exception:
        client.set_terminated(run_id, status="FAILED")
        raise
    client.set_terminated(run_id)
    return run_id


def find_run(link: Connection, bundle_sha256: str, stage: str) -> str | None:
    """Id of the newest finished run of a stage that made a bundle, or None."""
    found = link.client.search_runs(
        [link.experiment_id],
        f"tags.{DIGEST_TAG} = {_quoted(bundle_sha256)} and tags.stage = {_quoted(stage)}"
        " and attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return str(found[0].info.run_id) if found else None


def register(
    link: Connection, model: str, run_id: str, folder: str, tags: Mapping[str, str]
) -> dict[str, str]:
    """Make a folder of a run a version of a model, unless that bundle is one already."""
    from mlflow.utils.uri import append_to_uri_path

    client = link.client
    digest = tags[DIGEST_TAG]
    _make_model(client, model)
    same = f"name = {_quoted(model)} and tags.{DIGEST_TAG} = {_quoted(digest)}"
    # The lowest number: should two processes have registered at once, both answers agree later.
    numbers = sorted(int(version.version) for version in _search(client, same))
    if numbers:
        return {"version": str(numbers[0])}
    if not client.list_artifacts(run_id, folder):
        # MLflow itself would take it, and the first download would fail.
        raise ValueError(f"the run {run_id} has no folder '{folder}' with a bundle")
    # The place itself, not runs:/: a server lets only paths below the run's own place pass, and
    # every client can download from it.
    source = append_to_uri_path(client.get_run(run_id).info.artifact_uri, folder)
    made = client.create_model_version(model, source=source, run_id=run_id, tags=dict(tags))
    return {"version": str(made.version)}


def _make_model(client: Any, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def set_alias(link: Connection, model: str, alias: str, version: str) -> None:
    """Let an alias name a version, and no other one any more."""
    link.client.set_registered_model_alias(model, alias, version)


def delete_alias(link: Connection, model: str, alias: str) -> None:
    """Take an alias away; one that is not there may be missing."""
    link.client.delete_registered_model_alias(model, alias)


def by_alias(link: Connection, model: str, alias: str) -> dict[str, Any] | None:
    """The version that an alias names; None when there is no such alias or model."""
    number = _aliases(link.client, model).get(alias)
    return by_version(link, model, number) if number else None


def by_version(link: Connection, model: str, version: str) -> dict[str, Any] | None:
    """The version with a number; None when there is no such version or model."""
    from mlflow.exceptions import MlflowException

    try:
        found = link.client.get_model_version(model, version)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return _described(found, _aliases(link.client, model))


def versions(link: Connection, model: str) -> list[dict[str, Any]]:
    """All versions of a model, newest first; none when there is no such model."""
    # A search leaves the aliases out of its answers.
    aliases = _aliases(link.client, model)
    found = [_described(v, aliases) for v in _search(link.client, f"name = {_quoted(model)}")]
    return sorted(found, key=lambda version: -int(version["version"]))


def set_tags(link: Connection, model: str, version: str, tags: Mapping[str, str]) -> None:
    """Add tags to a version or change them; its other tags stay."""
    for key, value in tags.items():
        link.client.set_model_version_tag(model, version, key, value)


def download(link: Connection, model: str, version: str, to: str) -> None:
    """Copy a version's files to a new directory, which is there as a whole or not at all."""
    from mlflow.artifacts import download_artifacts

    place = Path(to)
    if place.exists() or place.is_symlink():
        raise FileExistsError(f"{place} exists already; choose a new directory")
    beside = place.with_name(f".{place.name}.{os.getpid()}.downloading")
    try:
        beside.mkdir(parents=True)
        uri = link.client.get_model_version_download_uri(model, version)
        got = download_artifacts(artifact_uri=uri, dst_path=str(beside), tracking_uri=link.uri)
        if not any(Path(got).iterdir()):
            raise FileNotFoundError(f"there are no files of version {version} of {model} at {uri}")
        os.rename(got, place)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def attach(link: Connection, run_id: str, path: str, folder: str) -> None:
    """Add a directory's files to a run, below a folder of it; files that are there are replaced."""
    link.client.log_artifacts(run_id, path, folder)


def fetch(link: Connection, run_id: str, folder: str, to: str) -> list[str]:
    """Copy a run's folder to a directory that exists; the files' names, none without a folder."""
    names = [Path(one.path).name for one in link.client.list_artifacts(run_id, folder)]
    for name in names:
        got = link.client.download_artifacts(run_id, f"{folder}/{name}", to)
        os.replace(got, Path(to) / name)
    return sorted(names)


def _aliases(client: Any, model: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return dict(client.get_registered_model(model).aliases)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise


def _search(client: Any, words: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_model_versions(words, max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _described(version: Any, aliases: Mapping[str, str]) -> dict[str, Any]:
    number = str(version.version)
    return {
        "version": number,
        "run_id": version.run_id,
        "tags": dict(version.tags),
        "aliases": sorted(alias for alias, named in aliases.items() if str(named) == number),
        "created": version.creation_timestamp,
    }


def _quoted(text: str) -> str:
    """A value in MLflow's filter language, which knows no escapes."""
    quote = '"' if "'" in text else "'"
    if quote in text:
        raise ValueError(f"MLflow cannot search for a text with both kinds of quotes: {text}")
    return f"{quote}{text}{quote}"


CALLS: dict[str, Callable[..., Any]] = {
    call.__name__: call
    for call in (
        log,
        find_run,
        register,
        set_alias,
        delete_alias,
        by_alias,
        by_version,
        versions,
        set_tags,
        download,
        attach,
        fetch,
    )
}
