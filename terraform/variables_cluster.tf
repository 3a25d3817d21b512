variable "kubernetes_version" {
  description = "Minor version of the control plane and the nodes. One step up at a time, never down."
  type        = string
  default     = "1.35"
  nullable    = false

  validation {
    condition     = can(regex("^1\\.[0-9]{2}$", var.kubernetes_version)) && try(tonumber(split(".", var.kubernetes_version)[1]) >= 33, false)
    error_message = "kubernetes_version must be 1.33 or newer and name the minor version only, such as \"1.35\"."
  }
}

variable "public_endpoint_cidrs" {
  description = "Networks that may reach the cluster's API from the internet. Empty: only from inside the VPC."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.public_endpoint_cidrs : can(cidrnetmask(cidr))])
    error_message = "public_endpoint_cidrs must be IPv4 networks in CIDR notation, such as 203.0.113.0/24 or 203.0.113.7/32."
  }

  validation {
    condition     = alltrue([for cidr in var.public_endpoint_cidrs : try(tonumber(split("/", cidr)[1]) >= 8, true)])
    error_message = "public_endpoint_cidrs must not be open to the world: 0.0.0.0/0 and all that is wider than /8 is refused. Name the networks of your offices, VPN or runners."
  }
}

variable "admin_role_arns" {
  description = "IAM roles and users that administer the cluster, beside whoever creates it."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.admin_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "admin_role_arns must be ARNs of IAM roles or users, such as arn:aws:iam::123456789012:role/platform, without a wildcard."
  }
}

variable "node_groups" {
  description = "Groups of nodes, by name. Disks in GB."
  type = map(object({
    instance_types = optional(list(string), ["m6i.large"])
    capacity_type  = optional(string, "ON_DEMAND")
    ami_type       = optional(string, "AL2023_x86_64_STANDARD")
    min_size       = optional(number, 2)
    desired_size   = optional(number, 3)
    max_size       = optional(number, 6)
    disk_size      = optional(number, 100)
    labels         = optional(map(string), {})
  }))
  default  = { default = {} }
  nullable = false

  validation {
    condition     = length(var.node_groups) >= 1
    error_message = "node_groups must have one group at least: without nodes no pod runs."
  }

  validation {
    condition     = alltrue([for name, group in var.node_groups : can(regex("^[a-z][a-z0-9-]{0,24}$", name))])
    error_message = "node_groups must have names of at most 25 lower-case letters, digits and hyphens that begin with a letter."
  }

  validation {
    condition = alltrue([
      for group in values(var.node_groups) :
      group.min_size >= 0 && group.min_size <= group.desired_size && group.desired_size <= group.max_size && group.max_size >= 1
    ])
    error_message = "node_groups must have 0 <= min_size <= desired_size <= max_size, and max_size of 1 at least."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : contains(["ON_DEMAND", "SPOT"], group.capacity_type)])
    error_message = "node_groups must have the capacity_type ON_DEMAND or SPOT."
  }

  validation {
    condition     = alltrue([for group in values(var.node_groups) : group.disk_size >= 20 && group.disk_size <= 16384])
    error_message = "node_groups must have a disk_size from 20 to 16384 GB; images and the jobs' workspace (emptyDir) lie there."
  }

  validation {
    condition = alltrue([
      for group in values(var.node_groups) :
      length(group.instance_types) >= 1 && alltrue([for type in group.instance_types : can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", type))])
    ])
    error_message = "node_groups must name instance_types, such as [\"m6i.large\"]."
  }

  # Container images are built for amd64.
  validation {
    condition     = alltrue([for group in values(var.node_groups) : contains(["AL2023_x86_64_STANDARD", "BOTTLEROCKET_x86_64"], group.ami_type)])
    error_message = "node_groups must have the ami_type AL2023_x86_64_STANDARD or BOTTLEROCKET_x86_64."
  }
}

variable "addons" {
  description = "EKS add-ons and their versions; null is AWS's default for the cluster's version."
  type        = map(string)
  default = {
    "aws-ebs-csi-driver" = null
    "coredns"            = null
    "kube-proxy"         = null
    "metrics-server"     = null
    "vpc-cni"            = null
  }
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.addons) : contains(["aws-ebs-csi-driver", "coredns", "kube-proxy", "metrics-server", "vpc-cni"], name)])
    error_message = "addons must be of aws-ebs-csi-driver, coredns, kube-proxy, metrics-server and vpc-cni."
  }

  validation {
    condition     = alltrue([for version in values(var.addons) : version == null || can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+-eksbuild\\.[0-9]+$", version))])
    error_message = "addons must have versions as `aws eks describe-addon-versions` shows them, such as v1.20.4-eksbuild.1, or null."
  }
}
