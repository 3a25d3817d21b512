variable "repository_prefix" {
  description = "What stands before churn-api and churn-ml, such as \"team/\". A second installation in the same account and region needs one."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.repository_prefix == "" || can(regex("^([a-z0-9]+([._-][a-z0-9]+)*/)+$", var.repository_prefix))
    error_message = "repository_prefix must be empty or lower-case names that end with a slash, such as \"team/\"."
  }
}

variable "images_kept" {
  description = "Tagged images that each repository keeps; older ones go."
  type        = number
  default     = 50
  nullable    = false

  validation {
    condition     = var.images_kept >= 5 && var.images_kept <= 1000 && floor(var.images_kept) == var.images_kept
    error_message = "images_kept must be a whole number from 5 to 1000: a rollback needs the images before."
  }
}

variable "github_repository" {
  description = "GitHub repository, owner/name, whose workflows may push images and train on the data. Null: none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$", var.github_repository))
    error_message = "github_repository must be owner/name without a wildcard, such as example/churn-mlops."
  }
}

variable "github_refs" {
  description = "Branches and tags whose workflows may push images; * stands for anything."
  type        = list(string)
  default     = ["refs/heads/main", "refs/tags/v*"]
  nullable    = false

  validation {
    condition     = length(var.github_refs) >= 1 && alltrue([for ref in var.github_refs : can(regex("^refs/(heads|tags)/[A-Za-z0-9._/*-]+$", ref)) && !contains(["refs/heads/*", "refs/tags/*"], ref)])
    error_message = "github_refs must be branches or tags, such as refs/heads/main or refs/tags/v*, and not all of them."
  }
}

variable "github_environment" {
  description = "Environment of GitHub in which the workflow runs that trains on DVC's remote."
  type        = string
  default     = "training"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9 ._-]{0,254}$", var.github_environment))
    error_message = "github_environment must be the name of an environment without a wildcard, such as training."
  }
}

variable "github_provider_arn" {
  description = "ARN of the account's OIDC provider for GitHub, when it has one already: an account can have one only. Null: it is made."
  type        = string
  default     = null

  validation {
    condition     = var.github_provider_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github_provider_arn))
    error_message = "github_provider_arn must be like arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com."
  }
}
