variable "cluster_name" {
  description = "Name of a cluster that has nodes."
  type        = string
}

variable "versions" {
  description = "Add-ons and their versions; null is AWS's default."
  type        = map(string)
}

variable "ebs_csi_role_arn" {
  description = "Role of the EBS CSI driver's controller."
  type        = string
}
