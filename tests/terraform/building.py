"""An installation: built with some variables, read back through AWS's own interface."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.terraform import aws
from tests.terraform.checkout import Checkout, checkout

# Waiting is most of it: for keys, the bucket's lifecycle, the database, the cluster's end.
FAST = ("-parallelism=15", "-input=false")


@dataclass
class Built:
    """What was built with which variables."""

    aws: aws.Aws
    here: Checkout
    variables: dict[str, Any]
    second: subprocess.CompletedProcess[str] | None = None
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.variables.get("name", "churn-mlops"))

    @property
    def region(self) -> str:
        return str(self.variables.get("region", "us-east-1"))

    def client(self, service: str) -> Any:
        return self.aws.client(service, self.region)

    def trust(self, role: str) -> Any:
        """Who gets a role: its only statement."""
        found = self.client("iam").get_role(RoleName=f"{self.name}-{role}")["Role"]
        (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
        return statement

    def policy(self, role: str, policy: str) -> dict[str, Any]:
        """The statements of a role's only policy, by their names."""
        iam = self.client("iam")
        assert iam.list_role_policies(RoleName=f"{self.name}-{role}")["PolicyNames"] == [policy]
        found = iam.get_role_policy(RoleName=f"{self.name}-{role}", PolicyName=policy)
        return {one["Sid"]: one for one in found["PolicyDocument"]["Statement"]}

    def vpc_id(self) -> str:
        found = self.client("ec2").describe_vpcs(
            Filters=[{"Name": "tag:Name", "Values": [self.name]}]
        )
        (vpc,) = found["Vpcs"]
        return str(vpc["VpcId"])

    def in_vpc(self, call: str, result: str) -> list[Any]:
        filters = [{"Name": "vpc-id", "Values": [self.vpc_id()]}]
        return list(getattr(self.client("ec2"), call)(Filters=filters)[result])


def build(account: aws.Aws, folder: Path, variables: dict[str, Any]) -> Built:
    """Apply, and look whether a second plan changes anything."""
    here = checkout(folder)
    (folder / "provider_override.tf").write_text(account.override())
    (folder / "terraform.tfvars.json").write_text(json.dumps(variables))
    here.run("apply", "-auto-approve", *FAST)
    built = Built(account, here, variables)
    built.second = here.ends("plan", "-detailed-exitcode", *FAST)
    outputs = json.loads(here.run("output", "-json"))
    built.outputs = {name: one["value"] for name, one in outputs.items()}
    return built
