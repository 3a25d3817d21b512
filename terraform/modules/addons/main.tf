locals {
  configuration = {
    # Without it the manifests' network policies would be taken and not enforced.
    "vpc-cni" = { enableNetworkPolicy = "true" }
  }

  roles = {
    "aws-ebs-csi-driver" = var.ebs_csi_role_arn
  }
}

resource "aws_eks_addon" "this" {
  for_each = var.versions

  cluster_name             = var.cluster_name
  addon_name               = each.key
  addon_version            = each.value
  configuration_values     = try(jsonencode(local.configuration[each.key]), null)
  service_account_role_arn = lookup(local.roles, each.key, null)

  # EKS has put coredns, kube-proxy and vpc-cni there itself; from here on they are these.
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
}
