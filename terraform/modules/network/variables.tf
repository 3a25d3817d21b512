variable "name" {
  description = "First part of all names."
  type        = string
}

variable "region" {
  description = "Region of the VPC."
  type        = string
}

variable "account_id" {
  description = "Account of the VPC."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "zones" {
  description = "Availability zones, in the order of their addresses."
  type        = list(string)
}

variable "nat_per_zone" {
  description = "Whether each zone has a NAT gateway of its own."
  type        = bool
}

variable "log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
}

variable "log_key_arn" {
  description = "KMS key of the flow logs."
  type        = string
}
