mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name                  = "churn"
  kubernetes_version    = "1.35"
  subnet_ids            = ["subnet-1", "subnet-2"]
  public_endpoint_cidrs = []
  admin_role_arns       = []
  key_arn               = "arn:aws:kms:us-east-1:123456789012:key/cluster"
  log_retention_days    = 90
  partition             = "aws"
  tags                  = { Owner = "platform" }
  node_groups = {
    default = {
      instance_types = ["m6i.large"]
      capacity_type  = "ON_DEMAND"
      ami_type       = "AL2023_x86_64_STANDARD"
      min_size       = 2
      desired_size   = 3
      max_size       = 6
      disk_size      = 100
      labels         = {}
    }
  }
}

run "cluster" {
  module {
    source = "./modules/cluster"
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The API is reached from the VPC only."
  }

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.key_arn && contains(aws_eks_cluster.this.encryption_config[0].resources, "secrets")
    error_message = "Kubernetes secrets are encrypted with our key."
  }

  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5
    error_message = "All five logs of the control plane are kept."
  }

  assert {
    condition     = aws_cloudwatch_log_group.control_plane.name == "/aws/eks/churn/cluster" && aws_cloudwatch_log_group.control_plane.kms_key_id == var.key_arn
    error_message = "They are encrypted with our key."
  }

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API"
    error_message = "Access is by access entries, not by a config map."
  }

  assert {
    condition     = aws_eks_cluster.this.version == "1.35" && aws_eks_node_group.this["default"].version == "1.35"
    error_message = "Control plane and nodes have the same version."
  }

  assert {
    condition     = aws_iam_openid_connect_provider.this.client_id_list == toset(["sts.amazonaws.com"])
    error_message = "Tokens are for STS."
  }

  assert {
    condition     = output.oidc.issuer == "oidc.example.com/id/MADEUP"
    error_message = "Conditions of trust name the issuer without https://."
  }
}

run "nodes" {
  module {
    source = "./modules/cluster"
  }

  assert {
    condition     = aws_launch_template.node["default"].metadata_options[0].http_tokens == "required" && aws_launch_template.node["default"].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "IMDSv2 only, and not from pods."
  }

  assert {
    condition     = aws_launch_template.node["default"].block_device_mappings[0].ebs[0].encrypted == "true" && aws_launch_template.node["default"].block_device_mappings[0].ebs[0].volume_type == "gp3"
    error_message = "Disks are gp3 and encrypted."
  }

  assert {
    condition     = alltrue([for one in aws_launch_template.node["default"].tag_specifications : one.tags["Owner"] == "platform"])
    error_message = "Machines and disks have the tags by which costs are told."
  }

  assert {
    condition     = aws_eks_node_group.this["default"].launch_template[0].id == aws_launch_template.node["default"].id
    error_message = "Nodes are made from the template."
  }

  assert {
    condition     = aws_eks_node_group.this["default"].subnet_ids == toset(var.subnet_ids)
    error_message = "Nodes are in the private subnets."
  }

  assert {
    condition     = length(aws_eks_node_group.this["default"].remote_access) == 0 && aws_launch_template.node["default"].key_name == null
    error_message = "Nobody logs in by SSH."
  }

  assert {
    condition = toset(keys(aws_iam_role_policy_attachment.node)) == toset([
      "AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonSSMManagedInstanceCore",
    ])
    error_message = "Nodes may join, have addresses, pull images and be reached through Systems Manager."
  }
}

run "public_endpoint" {
  module {
    source = "./modules/cluster"
  }

  variables {
    public_endpoint_cidrs = ["203.0.113.0/24"]
    admin_role_arns       = ["arn:aws:iam::123456789012:role/platform"]
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.0/24"])
    error_message = "The API is reached from the named networks, and still from the VPC."
  }

  assert {
    condition     = one([for association in aws_eks_access_policy_association.admin : association.policy_arn]) == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    error_message = "Who is named administers the cluster."
  }
}
