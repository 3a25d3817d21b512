mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name          = "churn-data"
  description   = "A key."
  deletion_days = 30
  account       = { id = "123456789012", partition = "aws", region = "us-east-1" }
}

run "key" {
  module {
    source = "./modules/key"
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key is renewed each year, and can be had back."
  }

  assert {
    condition     = [for statement in jsondecode(aws_kms_key.this.policy).Statement : statement.Sid] == ["Account"]
    error_message = "Without log groups nobody but the account has it."
  }

  assert {
    condition     = jsondecode(aws_kms_key.this.policy).Statement[0].Principal.AWS == "arn:aws:iam::123456789012:root"
    error_message = "IAM of this account decides, and of no other."
  }
}

run "key_of_logs" {
  module {
    source = "./modules/key"
  }

  variables {
    log_groups = ["/aws/eks/churn/*"]
  }

  assert {
    condition = jsondecode(aws_kms_key.this.policy).Statement[1] == {
      Sid       = "Logs"
      Effect    = "Allow"
      Principal = { Service = "logs.us-east-1.amazonaws.com" }
      Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
      Resource  = "*"
      Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = ["arn:aws:logs:us-east-1:123456789012:log-group:/aws/eks/churn/*"] } }
    }
    error_message = "CloudWatch encrypts the named log groups with it, no others."
  }
}
