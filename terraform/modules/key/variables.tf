variable "name" {
  description = "Name of the key, without alias/."
  type        = string
}

variable "description" {
  description = "What the key encrypts."
  type        = string
}

variable "account" {
  description = "Where the key lies."
  type = object({
    id        = string
    partition = string
    region    = string
  })
}

variable "log_groups" {
  description = "Names of log groups that CloudWatch may encrypt with the key; * stands for anything."
  type        = list(string)
  default     = []
}

variable "deletion_days" {
  description = "Days during which a destroyed key can be had back."
  type        = number
}
