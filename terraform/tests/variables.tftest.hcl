# Every rule of a variable refuses what it is there for.
mock_provider "aws" {
  source = "./tests/mocks"
}

run "name_with_capitals" {
  command = plan

  variables {
    name = "Churn"
  }

  expect_failures = [var.name]
}

run "name_too_long" {
  command = plan

  variables {
    name = "a12345678901234567890123456789012"
  }

  expect_failures = [var.name]
}

run "name_with_two_hyphens" {
  command = plan

  variables {
    name = "churn--mlops"
  }

  expect_failures = [var.name]
}

run "region_is_a_zone" {
  command = plan

  variables {
    region = "us-east-1a"
  }

  expect_failures = [var.region]
}

run "tag_of_aws" {
  command = plan

  variables {
    tags = { "aws:owner" = "x" }
  }

  expect_failures = [var.tags]
}

run "retention_unknown" {
  command = plan

  variables {
    log_retention_days = 100
  }

  expect_failures = [var.log_retention_days]
}

run "key_gone_too_soon" {
  command = plan

  variables {
    key_deletion_days = 3
  }

  expect_failures = [var.key_deletion_days]
}

run "network_not_a_cidr" {
  command = plan

  variables {
    vpc_cidr = "10.20.0.0"
  }

  expect_failures = [var.vpc_cidr]
}

run "network_begins_elsewhere" {
  command = plan

  variables {
    vpc_cidr = "10.20.1.0/16"
  }

  expect_failures = [var.vpc_cidr]
}

run "network_too_large" {
  command = plan

  variables {
    vpc_cidr = "10.0.0.0/8"
  }

  expect_failures = [var.vpc_cidr]
}

run "network_too_small" {
  command = plan

  variables {
    vpc_cidr = "10.20.0.0/24"
  }

  expect_failures = [var.vpc_cidr]
}

run "network_public" {
  command = plan

  variables {
    vpc_cidr = "203.0.0.0/16"
  }

  expect_failures = [var.vpc_cidr]
}

run "network_of_docker" {
  command = plan

  variables {
    vpc_cidr = "172.17.0.0/16"
  }

  expect_failures = [var.vpc_cidr]
}

run "one_zone" {
  command = plan

  variables {
    zone_count = 1
  }

  expect_failures = [var.zone_count]
}

run "more_zones_than_the_region_has" {
  command = plan

  variables {
    zone_count = 4
  }

  expect_failures = [data.aws_availability_zones.available]
}

run "nat_unknown" {
  command = plan

  variables {
    nat_gateways = "none"
  }

  expect_failures = [var.nat_gateways]
}

run "kubernetes_too_old" {
  command = plan

  variables {
    kubernetes_version = "1.32"
  }

  expect_failures = [var.kubernetes_version]
}

run "kubernetes_with_patch" {
  command = plan

  variables {
    kubernetes_version = "1.35.1"
  }

  expect_failures = [var.kubernetes_version]
}

run "endpoint_for_the_world" {
  command = plan

  variables {
    public_endpoint_cidrs = ["203.0.113.0/24", "0.0.0.0/0"]
  }

  expect_failures = [var.public_endpoint_cidrs]
}

run "endpoint_for_half_the_world" {
  command = plan

  variables {
    public_endpoint_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }

  expect_failures = [var.public_endpoint_cidrs]
}

run "endpoint_for_no_cidr" {
  command = plan

  variables {
    public_endpoint_cidrs = ["office"]
  }

  expect_failures = [var.public_endpoint_cidrs]
}

run "endpoint_for_ipv6" {
  command = plan

  variables {
    public_endpoint_cidrs = ["::/0"]
  }

  expect_failures = [var.public_endpoint_cidrs]
}

run "admin_is_everybody" {
  command = plan

  variables {
    admin_role_arns = ["arn:aws:iam::123456789012:role/*"]
  }

  expect_failures = [var.admin_role_arns]
}

run "no_nodes" {
  command = plan

  variables {
    node_groups = {}
  }

  expect_failures = [var.node_groups]
}

run "node_group_badly_named" {
  command = plan

  variables {
    node_groups = { Big = {} }
  }

  expect_failures = [var.node_groups]
}

run "fewer_nodes_than_least" {
  command = plan

  variables {
    node_groups = { default = { min_size = 3, desired_size = 2, max_size = 4 } }
  }

  expect_failures = [var.node_groups]
}

run "more_nodes_than_most" {
  command = plan

  variables {
    node_groups = { default = { min_size = 1, desired_size = 5, max_size = 4 } }
  }

  expect_failures = [var.node_groups]
}

run "capacity_unknown" {
  command = plan

  variables {
    node_groups = { default = { capacity_type = "CHEAP" } }
  }

  expect_failures = [var.node_groups]
}

run "disk_too_small" {
  command = plan

  variables {
    node_groups = { default = { disk_size = 8 } }
  }

  expect_failures = [var.node_groups]
}

run "no_instance_type" {
  command = plan

  variables {
    node_groups = { default = { instance_types = [] } }
  }

  expect_failures = [var.node_groups]
}

run "ami_of_another_processor" {
  command = plan

  variables {
    node_groups = { default = { ami_type = "AL2023_ARM_64_STANDARD" } }
  }

  expect_failures = [var.node_groups]
}

run "addon_unknown" {
  command = plan

  variables {
    addons = { "aws-efs-csi-driver" = null }
  }

  expect_failures = [var.addons]
}

run "addon_version_unreadable" {
  command = plan

  variables {
    addons = { coredns = "latest" }
  }

  expect_failures = [var.addons]
}

run "bucket_with_dots" {
  command = plan

  variables {
    bucket_name = "churn.example.com"
  }

  expect_failures = [var.bucket_name]
}

run "versions_kept_for_no_time" {
  command = plan

  variables {
    old_version_days = 0
  }

  expect_failures = [var.old_version_days]
}

run "prefix_without_slash" {
  command = plan

  variables {
    repository_prefix = "team"
  }

  expect_failures = [var.repository_prefix]
}

run "too_few_images" {
  command = plan

  variables {
    images_kept = 1
  }

  expect_failures = [var.images_kept]
}

run "github_without_owner" {
  command = plan

  variables {
    github_repository = "churn-mlops"
  }

  expect_failures = [var.github_repository]
}

run "github_of_anybody" {
  command = plan

  variables {
    github_repository = "*/churn-mlops"
  }

  expect_failures = [var.github_repository]
}

run "github_any_branch" {
  command = plan

  variables {
    github_refs = ["refs/heads/*"]
  }

  expect_failures = [var.github_refs]
}

run "github_pull_requests" {
  command = plan

  variables {
    github_refs = ["pull_request"]
  }

  expect_failures = [var.github_refs]
}

run "github_provider_of_another" {
  command = plan

  variables {
    github_provider_arn = "arn:aws:iam::123456789012:oidc-provider/example.com"
  }

  expect_failures = [var.github_provider_arn]
}

run "github_environment_of_any_name" {
  command = plan

  variables {
    github_environment = "*"
  }

  expect_failures = [var.github_environment]
}

run "postgres_too_old" {
  command = plan

  variables {
    database = { engine_version = "14" }
  }

  expect_failures = [var.database]
}

run "database_class_unreadable" {
  command = plan

  variables {
    database = { instance_class = "small" }
  }

  expect_failures = [var.database]
}

run "database_that_cannot_grow" {
  command = plan

  variables {
    database = { storage = 100, max_storage = 100 }
  }

  expect_failures = [var.database]
}

run "database_without_backups" {
  command = plan

  variables {
    database = { backup_retention_days = 0 }
  }

  expect_failures = [var.database]
}
