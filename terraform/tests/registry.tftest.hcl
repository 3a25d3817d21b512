mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  repositories = { churn-api = "churn-api", churn-ml = "churn-ml" }
  key_arn      = "arn:aws:kms:us-east-1:123456789012:key/data"
  images_kept  = 50
  force_delete = false
}

run "repositories" {
  module {
    source = "./modules/registry"
  }

  assert {
    condition     = toset([for repository in aws_ecr_repository.this : repository.name]) == toset(["churn-api", "churn-ml"])
    error_message = "There are two repositories."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE" && !repository.force_delete])
    error_message = "A tag is one image for ever, and images stay."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_scanning_configuration[0].scan_on_push])
    error_message = "Images are scanned."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.encryption_configuration[0].encryption_type == "KMS" && repository.encryption_configuration[0].kms_key == var.key_arn])
    error_message = "Images are encrypted with our key."
  }

  assert {
    condition     = alltrue([for policy in aws_ecr_lifecycle_policy.this : one(jsondecode(policy.policy).rules).selection.countNumber == 50 && one(jsondecode(policy.policy).rules).selection.tagStatus == "tagged"])
    error_message = "Old images go, and no signature before its image."
  }
}
