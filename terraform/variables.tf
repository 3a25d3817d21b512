variable "name" {
  description = "Name of the cluster and first part of all other names. Two installations in one account need two names."
  type        = string
  default     = "churn-mlops"
  nullable    = false

  # With account and region behind it, the bucket's name must stay within 63 characters; RDS takes no
  # double hyphens.
  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 3 && length(var.name) <= 32
    error_message = "name must have 3 to 32 lower-case letters, digits and single hyphens, begin with a letter and end with a letter or digit, such as churn-mlops."
  }
}

variable "region" {
  description = "AWS region that everything is built in."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+){1,2}-[1-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as us-east-1 or eu-central-1, not of a zone."
  }
}

variable "tags" {
  description = "Tags of everything, beside Project and ManagedBy."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.tags :
      length(key) >= 1 && length(key) <= 128 && length(value) <= 256 && !startswith(lower(key), "aws:")
    ])
    error_message = "tags must have keys of 1 to 128 characters that do not begin with aws:, and values of at most 256 characters."
  }
}

variable "log_retention_days" {
  description = "Days that the control plane's, the network's and the database's logs are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be one that CloudWatch has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "key_deletion_days" {
  description = "Days between the order to destroy a KMS key and its end, during which it can be had back. Without its key no data can be read."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.key_deletion_days >= 7 && var.key_deletion_days <= 30 && floor(var.key_deletion_days) == var.key_deletion_days
    error_message = "key_deletion_days must be a whole number from 7 to 30."
  }
}
