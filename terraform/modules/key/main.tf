locals {
  # IAM decides who else may use it: without this statement nobody could change the key's policy any more.
  owner = {
    Sid       = "Account"
    Effect    = "Allow"
    Principal = { AWS = "arn:${var.account.partition}:iam::${var.account.id}:root" }
    Action    = "kms:*"
    Resource  = "*"
  }

  logs = {
    Sid       = "Logs"
    Effect    = "Allow"
    Principal = { Service = "logs.${var.account.region}.amazonaws.com" }
    Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    Resource  = "*"
    Condition = {
      ArnLike = {
        "kms:EncryptionContext:aws:logs:arn" = [
          for name in var.log_groups :
          "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:${name}"
        ]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  description             = var.description
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_days
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.owner], length(var.log_groups) > 0 ? [local.logs] : [])
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
