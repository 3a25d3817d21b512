output "cluster_name" {
  description = "Name of the EKS cluster."
  value       = module.cluster.name
}

output "cluster_endpoint" {
  description = "Address of the Kubernetes API."
  value       = module.cluster.endpoint
}

output "update_kubeconfig" {
  description = "The command that lets kubectl find the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${module.cluster.name}"
}

output "bucket" {
  description = "Bucket of MLflow's artifacts, the jobs' workspace and DVC's remote."
  value       = module.storage.bucket
}

output "dvc_remote" {
  description = "Address for `dvc remote add`."
  value       = "s3://${module.storage.bucket}/${local.prefixes.dvc}"
}

output "role_arns" {
  description = "IAM roles of the service accounts: mlflow, api, jobs and ebs-csi."
  value       = module.identity.role_arns
}

output "github_role_arn" {
  description = "Role for workflows that push images; null without github_repository."
  value       = one(module.github[*].role_arn)
}

output "github_data_role_arn" {
  description = "Role for the workflow that trains on DVC's remote; null without github_repository."
  value       = one(module.github[*].data_role_arn)
}

output "ecr_registry" {
  description = "Host name for `docker login`."
  value       = split("/", module.registry.urls["churn-api"])[0]
}

output "ecr_urls" {
  description = "Addresses of the image repositories churn-api and churn-ml."
  value       = module.registry.urls
}

output "database_address" {
  description = "Host name of MLflow's database; null without one."
  value       = one(module.database[*].address)
}

output "database_secret_arn" {
  description = "Secret with the database's master user and password; null without one."
  value       = one(module.database[*].secret_arn)
}

output "kustomize" {
  description = "Kustomize component with the bucket and the roles, for k8s/components/aws/kustomization.yaml."
  value = templatefile("${path.module}/templates/kustomization.yaml.tftpl", {
    artifacts = "s3://${module.storage.bucket}/${local.prefixes.mlflow}"
    workspace = "s3://${module.storage.bucket}/${local.prefixes.workspace}"
    roles = {
      mlflow     = module.identity.role_arns["mlflow"]
      churn-api  = module.identity.role_arns["api"]
      churn-jobs = module.identity.role_arns["jobs"]
    }
  })
}
