mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name       = "churn"
  namespace  = "churn-mlops"
  bucket_arn = "arn:aws:s3:::bucket"
  key_arn    = "arn:aws:kms:us-east-1:123456789012:key/data"
  prefixes   = { mlflow = "mlflow", workspace = "workspace", dvc = "dvc" }
  region     = "us-east-1"
  partition  = "aws"
  oidc       = { provider_arn = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/id/X", issuer = "oidc.example.com/id/X" }
}

run "trust" {
  module {
    source = "./modules/identity"
  }

  assert {
    condition = { for name, role in aws_iam_role.this : name => jsondecode(role.assume_role_policy).Statement[0].Condition } == {
      for name, account in {
        mlflow  = "churn-mlops:mlflow"
        api     = "churn-mlops:churn-api"
        jobs    = "churn-mlops:churn-jobs"
        ebs-csi = "kube-system:ebs-csi-controller-sa"
        } : name => {
        StringEquals = {
          "oidc.example.com/id/X:sub" = "system:serviceaccount:${account}"
          "oidc.example.com/id/X:aud" = "sts.amazonaws.com"
        }
      }
    }
    error_message = "Each role is for one service account, and for tokens that are meant for STS."
  }

  assert {
    condition = alltrue([for role in aws_iam_role.this :
      length(jsondecode(role.assume_role_policy).Statement) == 1
      && jsondecode(role.assume_role_policy).Statement[0].Action == "sts:AssumeRoleWithWebIdentity"
      && jsondecode(role.assume_role_policy).Statement[0].Principal == { Federated = var.oidc.provider_arn }
    ])
    error_message = "Nobody else gets the roles."
  }
}

run "permissions" {
  module {
    source = "./modules/identity"
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.bucket["mlflow"].policy).Statement : s.Resource if s.Sid == "Write"]) == ["arn:aws:s3:::bucket/mlflow/*"]
    error_message = "MLflow writes its artifacts only."
  }

  assert {
    condition = alltrue([for role in ["mlflow", "api"] :
      one([for s in jsondecode(aws_iam_role_policy.bucket[role].policy).Statement : s.Condition if s.Sid == "List"]) == { StringLike = { "s3:prefix" = ["mlflow", "mlflow/*"] } }
    ])
    error_message = "MLflow and the API list the artifacts only."
  }

  assert {
    condition     = toset(flatten([for s in jsondecode(aws_iam_role_policy.bucket["api"].policy).Statement : s.Action])) == toset(["s3:ListBucket", "s3:GetObject", "kms:Decrypt"])
    error_message = "The API reads."
  }

  assert {
    condition     = one([for s in jsondecode(aws_iam_role_policy.bucket["jobs"].policy).Statement : s.Resource if s.Sid == "Write"]) == ["arn:aws:s3:::bucket/workspace/*", "arn:aws:s3:::bucket/dvc/*"]
    error_message = "Jobs write workspace and DVC's remote only."
  }

  assert {
    condition = alltrue(flatten([for policy in aws_iam_role_policy.bucket : [
      for s in jsondecode(policy.policy).Statement : s.Resource == var.key_arn && s.Condition.StringEquals["kms:ViaService"] == "s3.us-east-1.amazonaws.com"
      if can(regex("kms:", jsonencode(s.Action)))
    ]]))
    error_message = "The key is used through S3 only."
  }

  assert {
    condition     = alltrue([for policy in aws_iam_role_policy.bucket : !can(regex("\"[a-z0-9]*:?\\*\"", policy.policy))])
    error_message = "No policy has a bare wildcard."
  }
}
