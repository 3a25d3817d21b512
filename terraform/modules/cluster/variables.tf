variable "name" {
  description = "Name of the cluster."
  type        = string
}

variable "kubernetes_version" {
  description = "Minor version of the control plane and the nodes."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets of control plane and nodes."
  type        = list(string)
}

variable "public_endpoint_cidrs" {
  description = "Networks that may reach the API from the internet."
  type        = list(string)
}

variable "admin_role_arns" {
  description = "Principals that administer the cluster, beside its creator."
  type        = set(string)
}

variable "node_groups" {
  description = "Groups of nodes, by name."
  type = map(object({
    instance_types = list(string)
    capacity_type  = string
    ami_type       = string
    min_size       = number
    desired_size   = number
    max_size       = number
    disk_size      = number
    labels         = map(string)
  }))
}

variable "key_arn" {
  description = "KMS key of Kubernetes secrets and of the control plane's logs."
  type        = string
}

variable "log_retention_days" {
  description = "Days that the control plane's logs are kept."
  type        = number
}

variable "partition" {
  description = "AWS partition, such as aws."
  type        = string
}

variable "tags" {
  description = "Tags of machines and their disks, which the provider's default tags do not reach."
  type        = map(string)
}
