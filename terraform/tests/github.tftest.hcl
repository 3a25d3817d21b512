mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name          = "churn"
  repository    = "example/churn-mlops"
  refs          = ["refs/heads/main", "refs/tags/v*"]
  provider_arn  = null
  registry_arns = ["arn:aws:ecr:us-east-1:123456789012:repository/churn-api"]
  environment   = "training"
  data_policy   = "{}"
}

run "role" {
  module {
    source = "./modules/github"
  }

  assert {
    condition = jsondecode(aws_iam_role.push.assume_role_policy).Statement[0].Condition == {
      StringEquals = { "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com" }
      StringLike = { "token.actions.githubusercontent.com:sub" = [
        "repo:example/churn-mlops:ref:refs/heads/main",
        "repo:example/churn-mlops:ref:refs/tags/v*",
      ] }
    }
    error_message = "The role is for the named branches and tags of one repository."
  }

  assert {
    condition = alltrue([for s in jsondecode(aws_iam_role_policy.push.policy).Statement :
      jsonencode(s.Resource) == jsonencode(var.registry_arns) || s.Action == ["ecr:GetAuthorizationToken"]
    ])
    error_message = "It pushes to the named image repositories only."
  }

  assert {
    condition     = !can(regex("ecr:(Delete|Set|BatchDelete)", aws_iam_role_policy.push.policy))
    error_message = "It deletes nothing."
  }

  assert {
    condition = jsondecode(aws_iam_role.data.assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = "repo:example/churn-mlops:environment:training"
      }
    }
    error_message = "Who trains runs in the environment of one repository."
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 1
    error_message = "The account's provider is made."
  }
}

run "provider_is_there" {
  module {
    source = "./modules/github"
  }

  variables {
    provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && jsondecode(aws_iam_role.push.assume_role_policy).Statement[0].Principal.Federated == var.provider_arn
    error_message = "The account's provider is taken."
  }
}
