variable "repositories" {
  description = "Names of the repositories, by image."
  type        = map(string)
}

variable "key_arn" {
  description = "KMS key of the images."
  type        = string
}

variable "images_kept" {
  description = "Tagged images that each repository keeps."
  type        = number
}

variable "force_delete" {
  description = "Whether a repository may be destroyed with its images."
  type        = bool
}
