locals {
  tags = merge({ Project = var.name, ManagedBy = "terraform" }, var.tags)
}

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}
