"""What a step has besides its work: tries, resources, secrets, and when Kubernetes ends it."""

from __future__ import annotations

from typing import Any

from kfp import dsl

# Those of the jobs in k8s/.
CPU, MEMORY = ("500m", "2"), ("1Gi", "4Gi")
DEADLINE_SECONDS = 14_400
SECRET = "churn-secrets"  # noqa: S105 (its name)
# What a step may need beside its parameters; keys that the secret does not have are left out.
OF_TRACKING = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
OF_SOURCE = ("CHURN__DATA__SQL__URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
OF_CHANNELS = (
    "CHURN__MONITORING__ALERT__WEBHOOK",
    "CHURN__MONITORING__ALERT__SLACK",
    "CHURN__MONITORING__ALERT__SMTP",
    "CHURN_SMTP_PASSWORD",
)
RETRIES, BACKOFF = 2, "30s"


def settle(task: dsl.PipelineTask, secrets: tuple[str, ...], backoff: str | None) -> None:
    """Give a task what it has besides its work.

    Parameters
    ----------
    task : PipelineTask
    secrets : tuple of str
        Environment variables, which are keys of the secret.
    backoff : str or None
        How long to wait for the next try, such as ``30s``; None: there is none.
    """
    if backoff is not None:
        task.set_retry(RETRIES, backoff_duration=backoff)
    task.set_cpu_request(CPU[0]).set_cpu_limit(CPU[1])
    task.set_memory_request(MEMORY[0]).set_memory_limit(MEMORY[1])
    # As kfp-kubernetes writes it, which is not needed for this much.
    settings: dict[str, Any] = {
        "activeDeadlineSeconds": str(DEADLINE_SECONDS),
        "imagePullPolicy": "IfNotPresent",
    }
    if secrets:
        keys = [{"envVar": key, "secretKey": key} for key in secrets]
        name = {"runtimeValue": {"constant": SECRET}}
        settings["secretAsEnv"] = [
            {"secretName": SECRET, "secretNameParameter": name, "keyToEnv": keys, "optional": True}
        ]
    task.platform_config["kubernetes"] = settings
