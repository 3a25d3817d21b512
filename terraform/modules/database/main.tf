locals {
  major = split(".", var.settings.engine_version)[0]
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name   = "${var.name}-${local.major}"
  family = "postgres${local.major}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  # Statements that take longer than a second.
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  # A new major version needs a new group before the old one can go.
  lifecycle {
    create_before_destroy = true
  }
}

# RDS would make them itself, without a key and without an end.
resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["postgresql", "upgrade"])

  name              = "/aws/rds/instance/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_key_arn
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_118:CloudWatch's metrics of each minute are enough for one service's runs.
  #checkov:skip=CKV_AWS_353:The log of slow statements tells what a database of one client needs.
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.settings.engine_version
  instance_class = var.settings.instance_class
  db_name        = "mlflow"
  multi_az       = var.settings.multi_az

  # RDS makes the password, keeps it in Secrets Manager and changes it every week.
  username                      = "postgres"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.key_arn

  iam_database_authentication_enabled = true

  allocated_storage     = var.settings.storage
  max_allocated_storage = var.settings.max_storage
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.key_arn

  publicly_accessible    = false
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  parameter_group_name   = aws_db_parameter_group.this.name

  backup_retention_period    = var.settings.backup_retention_days
  copy_tags_to_snapshot      = true
  auto_minor_version_upgrade = true
  deletion_protection        = var.settings.deletion_protection
  skip_final_snapshot        = var.settings.skip_final_snapshot
  final_snapshot_identifier  = "${var.name}-final"

  enabled_cloudwatch_logs_exports = keys(aws_cloudwatch_log_group.this)
}
