data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# Zones that every account has; in three of them EKS puts no control plane.
data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394:The first zone_count are taken; a new zone is named after those that there are.
  state            = "available"
  exclude_zone_ids = ["use1-az3", "usw1-az2", "cac1-az3"]

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }

  lifecycle {
    postcondition {
      condition     = length(self.names) >= var.zone_count
      error_message = "${var.region} has ${length(self.names)} availability zones for EKS: lower zone_count or choose another region."
    }
  }
}

locals {
  account = {
    id        = data.aws_caller_identity.current.account_id
    partition = data.aws_partition.current.partition
    region    = var.region
  }

  zones    = slice(data.aws_availability_zones.available.names, 0, var.zone_count)
  bucket   = coalesce(var.bucket_name, "${var.name}-${local.account.id}-${var.region}")
  database = "${var.name}-mlflow"

  # As in k8s/: the namespace, and where in the bucket each part lies.
  namespace = "churn-mlops"
  prefixes = {
    mlflow    = "mlflow"
    workspace = "workspace"
    dvc       = "dvc"
  }
}

# Two keys: who administers the cluster need not read the data.
module "cluster_key" {
  source = "./modules/key"

  name          = "${var.name}-cluster"
  description   = "Kubernetes secrets and logs of ${var.name}."
  account       = local.account
  deletion_days = var.key_deletion_days
  log_groups = [
    "/aws/eks/${var.name}/*",
    "/aws/vpc/${var.name}/*",
    "/aws/rds/instance/${local.database}/*",
  ]
}

module "data_key" {
  source = "./modules/key"

  name          = "${var.name}-data"
  description   = "Bucket, images and database of ${var.name}."
  account       = local.account
  deletion_days = var.key_deletion_days
}

module "network" {
  source = "./modules/network"

  name               = var.name
  region             = var.region
  account_id         = local.account.id
  cidr               = var.vpc_cidr
  zones              = local.zones
  nat_per_zone       = var.nat_gateways == "per_zone"
  log_retention_days = var.log_retention_days
  log_key_arn        = module.cluster_key.arn
}

module "cluster" {
  source = "./modules/cluster"

  name                  = var.name
  kubernetes_version    = var.kubernetes_version
  subnet_ids            = module.network.private_subnet_ids
  public_endpoint_cidrs = var.public_endpoint_cidrs
  admin_role_arns       = var.admin_role_arns
  node_groups           = var.node_groups
  key_arn               = module.cluster_key.arn
  log_retention_days    = var.log_retention_days
  partition             = local.account.partition
  tags                  = local.tags
}

module "storage" {
  source = "./modules/storage"

  name             = local.bucket
  key_arn          = module.data_key.arn
  old_version_days = var.old_version_days
  force_destroy    = var.force_destroy
}

module "identity" {
  source = "./modules/identity"

  name       = var.name
  oidc       = module.cluster.oidc
  namespace  = local.namespace
  bucket_arn = module.storage.arn
  key_arn    = module.data_key.arn
  prefixes   = local.prefixes
  region     = var.region
  partition  = local.account.partition
}

# Some of them are pods, which need nodes.
module "addons" {
  source = "./modules/addons"

  cluster_name     = module.cluster.name
  versions         = var.addons
  ebs_csi_role_arn = module.identity.role_arns["ebs-csi"]

  depends_on = [module.cluster, module.identity]
}

module "registry" {
  source = "./modules/registry"

  repositories = {
    churn-api = "${var.repository_prefix}churn-api"
    churn-ml  = "${var.repository_prefix}churn-ml"
  }
  key_arn      = module.data_key.arn
  images_kept  = var.images_kept
  force_delete = var.force_destroy
}

module "github" {
  source = "./modules/github"
  count  = var.github_repository == null ? 0 : 1

  name          = var.name
  repository    = var.github_repository
  refs          = var.github_refs
  provider_arn  = var.github_provider_arn
  registry_arns = module.registry.arns

  environment = var.github_environment
  data_policy = module.identity.dvc_policy
}

module "database" {
  source = "./modules/database"
  count  = var.database == null ? 0 : 1

  name               = local.database
  settings           = var.database
  vpc_id             = module.network.vpc_id
  subnet_ids         = module.network.private_subnet_ids
  client_cidrs       = module.network.private_subnet_cidrs
  key_arn            = module.data_key.arn
  log_key_arn        = module.cluster_key.arn
  log_retention_days = var.log_retention_days
}
