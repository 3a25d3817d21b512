variable "bucket_name" {
  description = "Name of the bucket. Null: name, account and region, which nobody else has."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "bucket_name must have 3 to 63 lower-case letters, digits and hyphens, and begin and end with a letter or digit; no dots, which TLS certificates of S3 do not cover."
  }
}

variable "old_version_days" {
  description = "Days that overwritten and deleted objects can be had back."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.old_version_days >= 1 && var.old_version_days <= 3650 && floor(var.old_version_days) == var.old_version_days
    error_message = "old_version_days must be a whole number from 1 to 3650."
  }
}

variable "force_destroy" {
  description = "Whether `terraform destroy` deletes the bucket and the image repositories with all that is in them. For experiments."
  type        = bool
  default     = false
  nullable    = false
}
