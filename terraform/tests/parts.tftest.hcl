mock_provider "aws" {
  source = "./tests/mocks"
}

# How the parts are put together.
run "defaults" {
  assert {
    condition     = output.cluster_name == "churn-mlops" && output.update_kubeconfig == "aws eks update-kubeconfig --region us-east-1 --name churn-mlops"
    error_message = "The cluster has the name that the docs say."
  }

  assert {
    condition     = output.database_address == null && output.database_secret_arn == null && output.github_role_arn == null
    error_message = "Database and GitHub's role are made when asked for."
  }

  assert {
    condition     = toset(keys(output.role_arns)) == toset(["api", "ebs-csi", "jobs", "mlflow"])
    error_message = "Each service account has its role."
  }

  assert {
    condition     = yamldecode(output.kustomize).kind == "Component" && toset([for one in yamldecode(output.kustomize).patches : one.target.name]) == toset(["churn-api", "churn-config", "churn-jobs", "mlflow", "mlflow-config"])
    error_message = "The Kustomize component says what the manifests need."
  }
}

run "everything" {
  variables {
    name              = "abcdefghijklmnopqrstuvwxyz-98765"
    database          = {}
    github_repository = "example/churn-mlops"
    zone_count        = 3
  }

  assert {
    condition     = output.database_address == "mlflow.example.com" && output.database_secret_arn != null && output.github_role_arn != null
    error_message = "Database and GitHub's role are there."
  }
}
