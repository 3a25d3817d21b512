mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name             = "churn-123456789012-us-east-1"
  key_arn          = "arn:aws:kms:us-east-1:123456789012:key/data"
  old_version_days = 90
  force_destroy    = false
}

run "bucket" {
  module {
    source = "./modules/storage"
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy == false
    error_message = "A bucket that is not empty stays."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Nothing in it can be made public."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "What is overwritten can be had back."
  }

  assert {
    condition = alltrue([for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule :
      rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
      && rule.apply_server_side_encryption_by_default[0].kms_master_key_id == var.key_arn
      && rule.bucket_key_enabled
    ])
    error_message = "Objects are encrypted with our key."
  }

  assert {
    condition = jsondecode(aws_s3_bucket_policy.this.policy).Statement == [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::made-up", "arn:aws:s3:::made-up/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
    error_message = "Who comes without TLS is refused."
  }

  assert {
    condition     = { for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule.id => rule.status } == { old-versions = "Enabled", incomplete-uploads = "Enabled" }
    error_message = "Old versions and broken uploads go in the end."
  }

  assert {
    condition     = one(aws_s3_bucket_ownership_controls.this.rule).object_ownership == "BucketOwnerEnforced"
    error_message = "There are no ACLs."
  }
}
