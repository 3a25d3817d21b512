"""moto's server with what it lacks: `python -m tests.terraform.server -H 127.0.0.1 -p 5000`.

Of EKS add-ons, access entries and their mode, which are kept and given back, nothing more; of RDS
who has set a parameter. That proves that Terraform's calls are well-formed and find what they made.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from moto.core.responses import ActionResult
from moto.eks import urls
from moto.eks.exceptions import ResourceNotFoundException
from moto.eks.responses import EKSResponse
from moto.rds.models import DBParameterGroup
from moto.server import main

Item = dict[str, Any]
# What was made: account, region, cluster, kind, name.
KEPT: dict[tuple[str, ...], Item] = {}
VERSION = "v1.0.0-eksbuild.1"


class Extended(EKSResponse):
    """EKS with these calls, too."""

    def _key(self, kind: str, name: str) -> tuple[str, ...]:
        cluster = self.eks_backend.describe_cluster(name=self._get_param("name")).name
        return (self.current_account, self.region, cluster, kind, unquote(name))

    def _find(self, key: tuple[str, ...]) -> Item:
        if key not in KEPT:
            raise ResourceNotFoundException(
                clusterName=key[2],
                nodegroupName=None,
                fargateProfileName=None,
                addonName=key[4],
                message=f"No {key[3]} found for name: {key[4]}.",
            )
        return KEPT[key]

    def _arn(self, key: tuple[str, ...]) -> str:
        return f"arn:aws:eks:{self.region}:{self.current_account}:{key[3]}/{key[2]}/{key[4]}/1"

    def create_cluster(self) -> ActionResult:
        made = super().create_cluster()
        cluster = self.eks_backend.describe_cluster(name=self._get_param("name"))
        cluster.access_config = self._get_param("accessConfig")
        return made

    def create_addon(self) -> ActionResult:
        key = self._key("addon", self._get_param("addonName"))
        now = datetime.now(UTC)
        KEPT[key] = {
            "addonName": key[4],
            "clusterName": key[2],
            "status": "ACTIVE",
            "addonVersion": self._get_param("addonVersion") or VERSION,
            "addonArn": self._arn(key),
            "createdAt": now,
            "modifiedAt": now,
            "serviceAccountRoleArn": self._get_param("serviceAccountRoleArn"),
            "configurationValues": self._get_param("configurationValues"),
            "tags": self._get_param("tags") or {},
        }
        return ActionResult({"addon": KEPT[key]})

    def describe_addon(self) -> ActionResult:
        return ActionResult({"addon": self._find(self._key("addon", self._get_param("addonName")))})

    def list_addons(self) -> ActionResult:
        here = self._key("addon", "")[:4]
        return ActionResult({"addons": [key[4] for key in KEPT if key[:4] == here]})

    def delete_addon(self) -> ActionResult:
        key = self._key("addon", self._get_param("addonName"))
        return ActionResult({"addon": self._find(key) and KEPT.pop(key)})

    def create_access_entry(self) -> ActionResult:
        key = self._key("access-entry", self._get_param("principalArn"))
        now = datetime.now(UTC)
        KEPT[key] = {
            "clusterName": key[2],
            "principalArn": key[4],
            "kubernetesGroups": self._get_param("kubernetesGroups") or [],
            "accessEntryArn": self._arn(key),
            "createdAt": now,
            "modifiedAt": now,
            "tags": self._get_param("tags") or {},
            "username": key[4],
            "type": "STANDARD",
        }
        return ActionResult({"accessEntry": KEPT[key]})

    def describe_access_entry(self) -> ActionResult:
        key = self._key("access-entry", self._get_param("principalArn"))
        return ActionResult({"accessEntry": self._find(key)})

    def delete_access_entry(self) -> ActionResult:
        key = self._key("access-entry", self._get_param("principalArn"))
        self._find(key)
        del KEPT[key]
        return ActionResult({})

    def associate_access_policy(self) -> ActionResult:
        key = self._key("access-policies", self._get_param("principalArn"))
        now = datetime.now(UTC)
        KEPT[key] = {
            "policyArn": self._get_param("policyArn"),
            "accessScope": self._get_param("accessScope"),
            "associatedAt": now,
            "modifiedAt": now,
        }
        return ActionResult(
            {"clusterName": key[2], "principalArn": key[4], "associatedAccessPolicy": KEPT[key]}
        )

    def list_associated_access_policies(self) -> ActionResult:
        key = self._key("access-policies", self._get_param("principalArn"))
        found = [KEPT[key]] if key in KEPT else []
        return ActionResult(
            {"clusterName": key[2], "principalArn": key[4], "associatedAccessPolicies": found}
        )

    def disassociate_access_policy(self) -> ActionResult:
        key = self._key("access-policies", self._get_param("principalArn"))
        self._find(key)
        del KEPT[key]
        return ActionResult({})


def extend() -> None:
    update = DBParameterGroup.update_parameters

    def updated_by_a_user(self: DBParameterGroup, new: Iterable[Item]) -> None:
        update(self, [one | {"Source": "user"} for one in new])

    DBParameterGroup.update_parameters = updated_by_a_user  # type: ignore[method-assign]
    urls.url_paths["{0}/clusters$"] = Extended.dispatch
    for kind in ("addons", "access-entries"):
        here = f"{{0}}/clusters/(?P<name>[^/]+)/{kind}"
        urls.url_paths[f"{here}$"] = Extended.dispatch
        # Names have slashes, which servers see decoded.
        urls.url_paths[f"{here}/(?P<rest>.+)$"] = Extended.dispatch


if __name__ == "__main__":
    extend()
    main(sys.argv[1:])
