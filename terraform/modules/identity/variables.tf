variable "name" {
  description = "First part of the roles' names."
  type        = string
}

variable "oidc" {
  description = "The cluster's OIDC provider."
  type = object({
    provider_arn = string
    issuer       = string
  })
}

variable "namespace" {
  description = "Kubernetes namespace of the service."
  type        = string
}

variable "bucket_arn" {
  description = "ARN of the bucket."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the bucket."
  type        = string
}

variable "prefixes" {
  description = "Where in the bucket each part lies, without slashes."
  type = object({
    mlflow    = string
    workspace = string
    dvc       = string
  })
}

variable "region" {
  description = "Region of the bucket."
  type        = string
}

variable "partition" {
  description = "AWS partition, such as aws."
  type        = string
}
