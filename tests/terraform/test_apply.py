"""From an empty account to a cluster, a bucket and roles, and back; a server of moto is AWS."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.tools import require_tool
from tests.terraform import aws
from tests.terraform.building import FAST, Built, build
from tests.terraform.checkout import ROOT

GITHUB = "token.actions.githubusercontent.com"
EVERYTHING: dict[str, Any] = {
    # As long as it may be, in a region whose name is.
    "name": "abcdefghijklmnopqrstuvwxyz-98765",
    "region": "ap-southeast-1",
    "tags": {"Owner": "platform"},
    "vpc_cidr": "172.20.0.0/20",
    "zone_count": 3,
    "nat_gateways": "per_zone",
    "kubernetes_version": "1.34",
    "public_endpoint_cidrs": ["203.0.113.0/24", "198.51.100.7/32"],
    "admin_role_arns": ["arn:aws:iam::123456789012:role/platform"],
    "node_groups": {
        "one": {"min_size": 1, "desired_size": 1, "max_size": 1},
        "spot": {"capacity_type": "SPOT", "instance_types": ["m6i.xlarge", "m5.xlarge"]},
    },
    "addons": {"coredns": "v1.12.1-eksbuild.2", "vpc-cni": None},
    "old_version_days": 7,
    "log_retention_days": 90,
    "force_destroy": True,
    "repository_prefix": "team/",
    "images_kept": 10,
    "github_repository": "example/churn-mlops",
    # Whoever destroys a database says so first.
    "database": {"deletion_protection": False, "skip_final_snapshot": True},
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Built]]:
    """Two installations, built and destroyed at the same time, each in an account of its own."""
    folder = tmp_path_factory.mktemp("terraform")
    wanted = {"defaults": {}, "everything": EVERYTHING}
    with ExitStack() as accounts, ThreadPoolExecutor(2) as pool:
        futures = {
            name: pool.submit(
                build,
                accounts.enter_context(aws.running(folder / f"{name}.log")),
                folder / name,
                given,
            )
            for name, given in wanted.items()
        }
        built = {name: future.result() for name, future in futures.items()}
        yield built


@pytest.fixture(params=["defaults", "everything"])
def built(request: pytest.FixtureRequest, both: dict[str, Built]) -> Built:
    return both[request.param]


@pytest.fixture
def everything(both: dict[str, Built]) -> Built:
    return both["everything"]


def test_a_second_plan_changes_nothing(built: Built) -> None:
    assert built.second is not None
    assert built.second.returncode == 0, built.second.stdout
    assert "No changes." in built.second.stdout


def test_the_cluster_is_private_encrypted_and_logged(built: Built) -> None:
    eks = built.client("eks")
    cluster = eks.describe_cluster(name=built.name)["cluster"]
    assert cluster["version"] == built.variables.get("kubernetes_version", "1.35")
    assert cluster["accessConfig"]["authenticationMode"] == "API"
    (encrypted,) = cluster["encryptionConfig"]
    assert encrypted["resources"] == ["secrets"]
    assert encrypted["provider"]["keyArn"].startswith(
        f"arn:aws:kms:{built.region}:{aws.ACCOUNT}:key/"
    )
    logged = [one for one in cluster["logging"]["clusterLogging"] if one["enabled"]]
    assert {kind for one in logged for kind in one["types"]} == {
        *("api", "audit", "authenticator", "controllerManager", "scheduler")
    }
    network = cluster["resourcesVpcConfig"]
    allowed = built.variables.get("public_endpoint_cidrs", [])
    assert network["endpointPrivateAccess"] is True
    assert network["endpointPublicAccess"] is bool(allowed)
    assert sorted(network.get("publicAccessCidrs", [])) == sorted(allowed)
    private = {
        one["SubnetId"]
        for one in built.in_vpc("describe_subnets", "Subnets")
        if {"Key": "kubernetes.io/role/internal-elb", "Value": "1"} in one["Tags"]
    }
    assert set(network["subnetIds"]) == private
    assert len(private) == built.variables.get("zone_count", 2)


def test_nodes_are_private_and_their_disks_encrypted(built: Built) -> None:
    eks, ec2 = built.client("eks"), built.client("ec2")
    groups = eks.list_nodegroups(clusterName=built.name)["nodegroups"]
    assert set(groups) == set(built.variables.get("node_groups", {"default": {}}))
    for name in groups:
        group = eks.describe_nodegroup(clusterName=built.name, nodegroupName=name)["nodegroup"]
        subnets = ec2.describe_subnets(SubnetIds=group["subnets"])["Subnets"]
        assert not any(one["MapPublicIpOnLaunch"] for one in subnets)
        (version,) = ec2.describe_launch_template_versions(
            LaunchTemplateId=group["launchTemplate"]["id"]
        )["LaunchTemplateVersions"]
        template = version["LaunchTemplateData"]
        assert template["MetadataOptions"]["HttpTokens"] == "required"
        assert template["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        (disk,) = template["BlockDeviceMappings"]
        assert disk["Ebs"]["Encrypted"] is True
        assert disk["Ebs"]["VolumeType"] == "gp3"
    if "spot" in groups:
        assert group["capacityType"] == "SPOT"


def test_addons_and_administrators_are_there(built: Built) -> None:
    eks = built.client("eks")
    wanted = built.variables.get(
        "addons",
        dict.fromkeys(("aws-ebs-csi-driver", "coredns", "kube-proxy", "metrics-server", "vpc-cni")),
    )
    found = {
        name: eks.describe_addon(clusterName=built.name, addonName=name)["addon"]
        for name in eks.list_addons(clusterName=built.name)["addons"]
    }
    assert set(found) == set(wanted)
    for name, version in wanted.items():
        assert version is None or found[name]["addonVersion"] == version
    assert json.loads(found["vpc-cni"]["configurationValues"]) == {"enableNetworkPolicy": "true"}
    if driver := found.get("aws-ebs-csi-driver"):
        assert driver["serviceAccountRoleArn"] == built.outputs["role_arns"]["ebs-csi"]
    for arn in built.variables.get("admin_role_arns", []):
        told = eks.list_associated_access_policies(clusterName=built.name, principalArn=arn)
        (policy,) = told["associatedAccessPolicies"]
        assert policy["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")


def test_the_network_has_its_ways_out_and_nothing_is_open(built: Built) -> None:
    ec2 = built.client("ec2")
    zones = built.variables.get("zone_count", 2)
    subnets = built.in_vpc("describe_subnets", "Subnets")
    assert len(subnets) == 2 * zones
    assert len({one["AvailabilityZone"] for one in subnets}) == zones
    gateways = ec2.describe_nat_gateways(Filter=[{"Name": "vpc-id", "Values": [built.vpc_id()]}])
    expected = zones if built.variables.get("nat_gateways") == "per_zone" else 1
    assert len(gateways["NatGateways"]) == expected
    tables = built.in_vpc("describe_route_tables", "RouteTables")
    ways = [r.get("NatGatewayId") for t in tables for r in t["Routes"] if r.get("NatGatewayId")]
    assert len(ways) == zones
    assert len(set(ways)) == expected
    (endpoint,) = built.in_vpc("describe_vpc_endpoints", "VpcEndpoints")
    assert endpoint["ServiceName"] == f"com.amazonaws.{built.region}.s3"
    assert len(endpoint["RouteTableIds"]) == zones
    for group in built.in_vpc("describe_security_groups", "SecurityGroups"):
        if group["GroupName"] == "default":
            assert group["IpPermissions"] == []
            assert group["IpPermissionsEgress"] == []
        ranges = [r["CidrIp"] for p in group["IpPermissions"] for r in p["IpRanges"]]
        assert "0.0.0.0/0" not in ranges
    (flow,) = ec2.describe_flow_logs()["FlowLogs"]
    assert flow["ResourceId"] == built.vpc_id()
    assert flow["TrafficType"] == "ALL"


def test_logs_are_encrypted_and_go_in_the_end(built: Built) -> None:
    groups = built.client("logs").describe_log_groups()["logGroups"]
    days = built.variables.get("log_retention_days", 365)
    assert f"/aws/eks/{built.name}/cluster" in {one["logGroupName"] for one in groups}
    for one in groups:
        assert one["retentionInDays"] == days
        assert one["kmsKeyId"].startswith("arn:aws:kms:")


def test_the_bucket_is_closed_versioned_and_encrypted(built: Built) -> None:
    s3, bucket = built.client("s3"), built.outputs["bucket"]
    assert bucket == f"{built.name}-{aws.ACCOUNT}-{built.region}"
    assert len(bucket) <= 63
    closed = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert len(closed) == 4
    assert all(closed.values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    told = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    (rule,) = told["Rules"]
    default = rule["ApplyServerSideEncryptionByDefault"]
    assert default["SSEAlgorithm"] == "aws:kms"
    key = built.client("kms").describe_key(KeyId=f"alias/{built.name}-data")["KeyMetadata"]
    assert default["KMSMasterKeyID"] == key["Arn"]
    rotation = built.client("kms").get_key_rotation_status(KeyId=key["KeyId"])
    assert rotation["KeyRotationEnabled"] is True
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Principal"] == "*"
    assert statement["Action"] == "s3:*"
    assert statement["Resource"] == [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    by_id = {rule["ID"]: rule for rule in rules if rule["Status"] == "Enabled"}
    kept = by_id["old-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"]
    assert kept == built.variables.get("old_version_days", 90)
    aborted = by_id["incomplete-uploads"]["AbortIncompleteMultipartUpload"]
    assert aborted["DaysAfterInitiation"] == 7


@pytest.mark.parametrize(
    ("role", "account"),
    [
        ("mlflow", "churn-mlops:mlflow"),
        ("api", "churn-mlops:churn-api"),
        ("jobs", "churn-mlops:churn-jobs"),
        ("ebs-csi", "kube-system:ebs-csi-controller-sa"),
    ],
)
def test_a_role_is_for_one_service_account(built: Built, role: str, account: str) -> None:
    cluster = built.client("eks").describe_cluster(name=built.name)["cluster"]
    issuer = cluster["identity"]["oidc"]["issuer"].removeprefix("https://")
    trust = built.trust(role)
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::{aws.ACCOUNT}:oidc-provider/{issuer}"}
    assert trust["Condition"] == {
        "StringEquals": {
            f"{issuer}:sub": f"system:serviceaccount:{account}",
            f"{issuer}:aud": "sts.amazonaws.com",
        }
    }


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        ("mlflow", [], ["mlflow"]),
        ("api", ["mlflow"], []),
        ("jobs", ["mlflow"], ["workspace", "dvc"]),
    ],
)
def test_a_role_has_its_part_of_the_bucket(
    built: Built, role: str, reads: list[str], writes: list[str]
) -> None:
    bucket = f"arn:aws:s3:::{built.outputs['bucket']}"
    statements = built.policy(role, "bucket")
    assert statements["List"]["Resource"] == bucket
    if role != "jobs":
        assert statements["List"]["Condition"] == {
            "StringLike": {"s3:prefix": ["mlflow", "mlflow/*"]}
        }
    for name, prefixes in (("Read", reads), ("Write", writes)):
        found = statements.get(name, {"Resource": []})["Resource"]
        assert found == [f"{bucket}/{prefix}/*" for prefix in prefixes]
    assert {"List", "Read", "Write", "Encrypt", "Decrypt"} >= set(statements)
    assert ("Encrypt" in statements) is bool(writes)
    key = statements["Encrypt" if writes else "Decrypt"]
    assert key["Resource"].startswith(f"arn:aws:kms:{built.region}:{aws.ACCOUNT}:key/")
    assert key["Condition"] == {
        "StringEquals": {"kms:ViaService": f"s3.{built.region}.amazonaws.com"}
    }
    iam = built.client("iam")
    attached = iam.list_attached_role_policies(RoleName=f"{built.name}-{role}")
    assert attached["AttachedPolicies"] == []


def test_names_are_as_long_as_aws_takes(built: Built) -> None:
    roles = built.client("iam").list_roles()["Roles"]
    assert any(one["RoleName"].startswith(built.name) for one in roles)
    assert all(len(one["RoleName"]) <= 64 for one in roles)


def test_image_tags_never_move(built: Built) -> None:
    prefix = built.variables.get("repository_prefix", "")
    ecr = built.client("ecr")
    found = {one["repositoryName"]: one for one in ecr.describe_repositories()["repositories"]}
    assert set(found) == {f"{prefix}churn-api", f"{prefix}churn-ml"}
    for name, one in found.items():
        assert one["imageTagMutability"] == "IMMUTABLE"
        assert one["imageScanningConfiguration"]["scanOnPush"] is True
        assert one["encryptionConfiguration"]["encryptionType"] == "KMS"
        rules = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])
        (rule,) = rules["rules"]
        assert rule["selection"]["tagStatus"] == "tagged", "signatures have no tags"
        assert rule["selection"]["countNumber"] == built.variables.get("images_kept", 50)
    assert set(built.outputs["ecr_urls"].values()) == {
        one["repositoryUri"] for one in found.values()
    }


def test_the_database_is_private_and_its_password_a_secret(everything: Built) -> None:
    rds = everything.client("rds")
    (one,) = rds.describe_db_instances()["DBInstances"]
    assert one["DBInstanceIdentifier"] == f"{everything.name}-mlflow"
    assert one["StorageEncrypted"] is True
    assert one["PubliclyAccessible"] is False
    assert one["BackupRetentionPeriod"] == 14
    assert one["DeletionProtection"] is False, "as was asked"
    assert one["EngineVersion"].startswith("17")
    assert everything.outputs["database_secret_arn"] == one["MasterUserSecret"]["SecretArn"]
    assert everything.outputs["database_address"] == one["Endpoint"]["Address"]
    (group,) = one["DBParameterGroups"]
    told = rds.describe_db_parameters(DBParameterGroupName=group["DBParameterGroupName"])
    set_to = {p["ParameterName"]: p.get("ParameterValue") for p in told["Parameters"]}
    assert set_to["rds.force_ssl"] == "1"
    (firewall,) = [
        one
        for one in everything.in_vpc("describe_security_groups", "SecurityGroups")
        if one["GroupName"] == f"{everything.name}-mlflow"
    ]
    assert {(p["FromPort"], p["ToPort"]) for p in firewall["IpPermissions"]} == {(5432, 5432)}
    assert '"password": "' not in (everything.here.folder / "terraform.tfstate").read_text()


def test_no_database_and_no_github_unless_asked_for(both: dict[str, Built]) -> None:
    plain = both["defaults"]
    assert plain.client("rds").describe_db_instances()["DBInstances"] == []
    unset = ("database_address", "database_secret_arn", "github_role_arn", "github_data_role_arn")
    for name in unset:
        assert plain.outputs.get(name) is None


def test_workflows_of_one_repository_push_to_two_others(everything: Built) -> None:
    trust = everything.trust("github")
    assert trust["Condition"] == {
        "StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"},
        "StringLike": {
            f"{GITHUB}:sub": [
                "repo:example/churn-mlops:ref:refs/heads/main",
                "repo:example/churn-mlops:ref:refs/tags/v*",
            ]
        },
    }
    statements = everything.policy("github", "push")
    assert statements["Login"]["Action"] == ["ecr:GetAuthorizationToken"]
    here = f"arn:aws:ecr:{everything.region}:{aws.ACCOUNT}:repository"
    assert set(statements["Push"]["Resource"]) == {
        f"{here}/team/churn-api",
        f"{here}/team/churn-ml",
    }
    assert all(action.startswith("ecr:") for action in statements["Push"]["Action"])
    assert everything.outputs["github_role_arn"].endswith(f"{everything.name}-github")


def test_the_workflow_that_trains_has_the_data_alone(everything: Built) -> None:
    assert everything.trust("github-data")["Condition"] == {
        "StringEquals": {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": "repo:example/churn-mlops:environment:training",
        }
    }
    statements = everything.policy("github-data", "data")
    bucket = f"arn:aws:s3:::{everything.outputs['bucket']}"
    assert statements["List"]["Resource"] == bucket
    assert statements["Write"]["Resource"] == [f"{bucket}/dvc/*"]
    assert set(statements) == {"List", "Write", "Encrypt"}
    assert everything.outputs["github_data_role_arn"].endswith(f"{everything.name}-github-data")


def test_everything_has_its_tags(built: Built) -> None:
    wanted = {"Project": built.name, "ManagedBy": "terraform"} | built.variables.get("tags", {})
    cluster = built.client("eks").describe_cluster(name=built.name)["cluster"]
    told = built.client("s3").get_bucket_tagging(Bucket=built.outputs["bucket"])
    assert cluster["tags"] == wanted
    assert {tag["Key"]: tag["Value"] for tag in told["TagSet"]} == wanted


def test_outputs_are_what_the_next_command_needs(built: Built) -> None:
    told = built.outputs
    assert told["update_kubeconfig"] == (
        f"aws eks update-kubeconfig --region {built.region} --name {built.name}"
    )
    cluster = built.client("eks").describe_cluster(name=built.name)["cluster"]
    assert told["cluster_endpoint"] == cluster["endpoint"]
    assert told["dvc_remote"] == f"s3://{told['bucket']}/dvc"
    assert told["ecr_registry"] == f"{aws.ACCOUNT}.dkr.ecr.{built.region}.amazonaws.com"
    for role, arn in told["role_arns"].items():
        assert arn == f"arn:aws:iam::{aws.ACCOUNT}:role/{built.name}-{role}"


def test_the_production_overlay_takes_what_was_built(built: Built, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    component = tmp_path / "k8s/components/aws/kustomization.yaml"
    component.write_text(built.here.run("output", "-raw", "kustomize"))
    done = subprocess.run(
        [require_tool("kubectl"), "kustomize", str(tmp_path / "k8s/overlays/production")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    objects = {
        (one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout)
    }
    roles = built.outputs["role_arns"]
    for account, role in (("mlflow", "mlflow"), ("churn-api", "api"), ("churn-jobs", "jobs")):
        annotations = objects["ServiceAccount", account]["metadata"]["annotations"]
        assert annotations["eks.amazonaws.com/role-arn"] == roles[role]
    bucket = built.outputs["bucket"]
    artifacts = objects["ConfigMap", "mlflow-config"]["data"]["MLFLOW_ARTIFACTS_DESTINATION"]
    workspace = objects["ConfigMap", "churn-config"]["data"]["CHURN__JOBS__WORKSPACE"]
    assert (artifacts, workspace) == (f"s3://{bucket}/mlflow", f"s3://{bucket}/workspace")
    others = set(re.findall(r"s3://([a-z0-9.-]+)", done.stdout)) - {bucket}
    assert others == set(), "no other bucket is left anywhere"


def test_the_component_in_git_is_the_one_of_the_defaults(both: dict[str, Built]) -> None:
    kept = (ROOT / "k8s/components/aws/kustomization.yaml").read_text()
    assert both["defaults"].here.run("output", "-raw", "kustomize") == kept


def test_everything_goes_but_a_bucket_with_something_in_it(both: dict[str, Built]) -> None:
    """The last of them: here all is destroyed."""
    for built in both.values():
        s3, bucket = built.client("s3"), built.outputs["bucket"]
        # moto takes the policy for one that refuses everybody.
        s3.delete_bucket_policy(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="mlflow/model.onnx", Body=b"a model")
    with ThreadPoolExecutor(2) as pool:
        commands = {
            name: pool.submit(built.here.ends, "destroy", "-auto-approve", *FAST)
            for name, built in both.items()
        }
    plain, forced = commands["defaults"].result(), commands["everything"].result()
    assert forced.returncode == 0, forced.stderr
    assert both["everything"].here.run("state", "list") == ""
    assert plain.returncode == 1
    assert "BucketNotEmpty" in plain.stderr, plain.stderr
    left = [one for one in both["defaults"].here.run("state", "list").split() if "data." not in one]
    assert left == ["module.storage.aws_s3_bucket.this"]
    for built in both.values():
        assert built.client("eks").list_clusters()["clusters"] == []
