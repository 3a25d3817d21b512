variable "vpc_cidr" {
  description = "Addresses of the VPC. Each zone's pods get an eighth of it."
  type        = string
  default     = "10.20.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && try("${cidrhost(var.vpc_cidr, 0)}/${split("/", var.vpc_cidr)[1]}", "") == var.vpc_cidr
    error_message = "vpc_cidr must be an IPv4 network in CIDR notation that begins at its first address, such as 10.20.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.vpc_cidr)[1]) >= 16 && tonumber(split("/", var.vpc_cidr)[1]) <= 22, false)
    error_message = "vpc_cidr must be from /16 to /22: AWS takes no larger VPC, and a smaller one has too few addresses for pods."
  }

  # MLflow answers to pods' addresses in these ranges only (MLFLOW_SERVER_ALLOWED_HOSTS).
  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.vpc_cidr))
    error_message = "vpc_cidr must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."
  }

  # Docker's bridge on the nodes.
  validation {
    condition     = !startswith(var.vpc_cidr, "172.17.")
    error_message = "vpc_cidr must not lie in 172.17.0.0/16, which EKS does not take."
  }
}

variable "zone_count" {
  description = "Availability zones that subnets and nodes are spread over: the region's first."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.zone_count >= 2 && var.zone_count <= 6 && floor(var.zone_count) == var.zone_count
    error_message = "zone_count must be a whole number from 2 to 6: EKS and RDS need two availability zones at least."
  }
}

variable "nat_gateways" {
  description = "How many NAT gateways: \"single\", and with its zone the way out is away, or \"per_zone\"."
  type        = string
  default     = "single"
  nullable    = false

  validation {
    condition     = contains(["single", "per_zone"], var.nat_gateways)
    error_message = "nat_gateways must be \"single\" or \"per_zone\"."
  }
}
