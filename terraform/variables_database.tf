variable "database" {
  description = "PostgreSQL for MLflow's runs and registry. Null: none; {}: one with these defaults. Storage in GB."
  type = object({
    engine_version        = optional(string, "17")
    instance_class        = optional(string, "db.t4g.small")
    storage               = optional(number, 20)
    max_storage           = optional(number, 100)
    multi_az              = optional(bool, false)
    backup_retention_days = optional(number, 14)
    deletion_protection   = optional(bool, true)
    skip_final_snapshot   = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.database == null || can(regex("^1[6-9](\\.[0-9]+)?$", var.database.engine_version))
    error_message = "database.engine_version must be PostgreSQL 16 or newer, such as \"17\"; with the major version alone AWS chooses the minor one."
  }

  validation {
    condition     = var.database == null || can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.database.instance_class))
    error_message = "database.instance_class must be a class of RDS, such as db.t4g.small."
  }

  validation {
    condition     = var.database == null || try(var.database.storage >= 20 && var.database.storage < var.database.max_storage, false)
    error_message = "database.storage must be 20 GB at least, and max_storage, up to which it grows, more than that."
  }

  validation {
    condition     = var.database == null || try(var.database.backup_retention_days >= 1 && var.database.backup_retention_days <= 35, false)
    error_message = "database.backup_retention_days must be from 1 to 35: a database without backups is refused."
  }
}
