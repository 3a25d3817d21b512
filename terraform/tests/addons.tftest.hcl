mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  cluster_name     = "churn"
  ebs_csi_role_arn = "arn:aws:iam::123456789012:role/churn-ebs-csi"
  versions         = { "aws-ebs-csi-driver" = null, "vpc-cni" = "v1.20.4-eksbuild.1" }
}

run "addons" {
  module {
    source = "./modules/addons"
  }

  assert {
    condition     = aws_eks_addon.this["aws-ebs-csi-driver"].service_account_role_arn == var.ebs_csi_role_arn
    error_message = "The EBS driver has a role of its own."
  }

  assert {
    condition     = jsondecode(aws_eks_addon.this["vpc-cni"].configuration_values).enableNetworkPolicy == "true"
    error_message = "Network policies are enforced."
  }

  assert {
    condition     = aws_eks_addon.this["vpc-cni"].addon_version == "v1.20.4-eksbuild.1" && aws_eks_addon.this["vpc-cni"].service_account_role_arn == null
    error_message = "A named version is taken; the others have the nodes' role."
  }
}
