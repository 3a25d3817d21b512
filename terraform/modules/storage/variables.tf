variable "name" {
  description = "Name of the bucket."
  type        = string
}

variable "key_arn" {
  description = "KMS key of the objects."
  type        = string
}

variable "old_version_days" {
  description = "Days that overwritten and deleted objects are kept."
  type        = number
}

variable "force_destroy" {
  description = "Whether the bucket may be destroyed with what is in it."
  type        = bool
}
