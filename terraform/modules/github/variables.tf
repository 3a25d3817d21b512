variable "name" {
  description = "First part of the role's name."
  type        = string
}

variable "repository" {
  description = "GitHub repository, owner/name."
  type        = string
}

variable "refs" {
  description = "Branches and tags whose workflows get the role."
  type        = list(string)
}

variable "environment" {
  description = "Environment of GitHub in which the workflow runs that trains."
  type        = string
}

variable "data_policy" {
  description = "What that workflow may do with DVC's remote: a policy as JSON."
  type        = string
}

variable "provider_arn" {
  description = "OIDC provider for GitHub that the account has already; null: it is made."
  type        = string
}

variable "registry_arns" {
  description = "ARNs of the repositories that may be pushed to."
  type        = list(string)
}
