"""Run the pipeline on this machine, with Docker or a podman socket, on the image churn-ml:dev.

Usage: python pipelines/run_local.py --tracking-uri http://127.0.0.1:5000 --root kfp-runs \
           --set data_synthetic_users=400 --set overrides='{"promotion.min_rows": 50}'

Steps use this machine's network. Channels of `monitoring.alert` come from the environment
(CHURN__MONITORING__ALERT__*), as they come from a secret in a cluster.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import docker
from kfp import local
from kfp.local import docker_task_handler
from kfp_pipeline import defaults, pipeline
from settings import OF_CHANNELS, OF_SOURCE, OF_TRACKING

LOCAL_IMAGE = "churn-ml:dev"


def run(
    root: Path,
    arguments: dict[str, Any],
    *,
    image: str = LOCAL_IMAGE,
    backoff: str = "1s",
    cached: bool = True,
) -> None:
    """Run the pipeline.

    Parameters
    ----------
    root : Path
        Where the runs' artifacts go, and what the cache knows.
    arguments : dict
        The pipeline's parameters.
    image : str
    backoff : str
        See `pipeline`.
    cached : bool
        Whether steps are taken from the cache.

    Raises
    ------
    RuntimeError
        A step failed; it is named.
    """
    root.mkdir(parents=True, exist_ok=True)
    # The image's user is another one than this.
    root.chmod(0o777)
    docker_task_handler.run_docker_container = _run_container
    known = (*OF_CHANNELS, *OF_SOURCE, *OF_TRACKING)
    runner = local.DockerRunner(
        # Kubeflow's launcher takes the place of the image's entry point, too.
        entrypoint=["env"],
        environment={name: os.environ[name] for name in known if name in os.environ},
        network_mode="host",
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},  # noqa: S108 (the container's)
        cap_drop=["ALL"],
    )
    local.init(runner, pipeline_root=str(root), enable_caching=cached)
    pipeline(image, backoff)(**arguments)


def _run_container(
    client: docker.DockerClient, image: str, command: list[str], volumes: Any, **options: Any
) -> int:
    """Instead of Kubeflow's own, which lets the engine remove the container when it ends.

    It is gone then before its exit code is asked for, and that is taken for success.
    """
    container = client.containers.run(image, command, detach=True, volumes=volumes, **options)
    try:
        for line in container.logs(stream=True):
            print(line.decode(errors="replace"), end="")
        return int(container.wait()["StatusCode"])
    finally:
        container.remove(force=True)


def setting(text: str) -> tuple[str, Any]:
    """A parameter's name and value, which is JSON unless the parameter is a text."""
    name, separator, value = text.partition("=")
    known = defaults()
    if not separator or name not in known:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE; names: {', '.join(known)}")
    return name, value if isinstance(known[name], str) else json.loads(value)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="Run the Kubeflow pipeline on this machine.")
    parser.add_argument("--tracking-uri", required=True, help="an MLflow server")
    parser.add_argument("--root", type=Path, default=Path("kfp-runs"), help="for artifacts")
    parser.add_argument("--image", default=LOCAL_IMAGE)
    parser.add_argument("--set", type=setting, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--no-cache", action="store_true", help="run every step")
    given = parser.parse_args()
    arguments = {"tracking_uri": given.tracking_uri, **dict(given.set)}
    run(given.root, arguments, image=given.image, cached=not given.no_cache)


if __name__ == "__main__":
    main()
