variable "name" {
  description = "Identifier of the database."
  type        = string
}

variable "settings" {
  description = "Version, size and safety."
  type = object({
    engine_version        = string
    instance_class        = string
    storage               = number
    max_storage           = number
    multi_az              = bool
    backup_retention_days = number
    deletion_protection   = bool
    skip_final_snapshot   = bool
  })
}

variable "vpc_id" {
  description = "ID of the VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets in two zones at least."
  type        = list(string)
}

variable "client_cidrs" {
  description = "Addresses that may ask the database."
  type        = list(string)
}

variable "key_arn" {
  description = "KMS key of storage, backups and password."
  type        = string
}

variable "log_key_arn" {
  description = "KMS key of the logs."
  type        = string
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
}
