mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "churn-mlflow"
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-1", "subnet-2"]
  client_cidrs       = ["10.20.0.0/19", "10.20.32.0/19"]
  key_arn            = "arn:aws:kms:us-east-1:123456789012:key/data"
  log_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/logs"
  log_retention_days = 90
  settings = {
    engine_version        = "17.6"
    instance_class        = "db.t4g.small"
    storage               = 20
    max_storage           = 100
    multi_az              = true
    backup_retention_days = 14
    deletion_protection   = true
    skip_final_snapshot   = false
  }
}

run "database" {
  module {
    source = "./modules/database"
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.kms_key_id == var.key_arn
    error_message = "Storage and backups are encrypted with our key."
  }

  assert {
    condition     = aws_db_instance.this.publicly_accessible == false
    error_message = "The database has no public address."
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password && aws_db_instance.this.password == null && aws_db_instance.this.master_user_secret_kms_key_id == var.key_arn
    error_message = "The password is in Secrets Manager and not in the state."
  }

  assert {
    condition     = aws_db_instance.this.backup_retention_period == 14 && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "There are backups, also of a database that is destroyed, and it is not by accident."
  }

  assert {
    condition     = one([for p in aws_db_parameter_group.this.parameter : p.value if p.name == "rds.force_ssl"]) == "1" && aws_db_parameter_group.this.family == "postgres17"
    error_message = "Connections without TLS are refused."
  }

  assert {
    condition     = aws_db_instance.this.parameter_group_name == aws_db_parameter_group.this.name && aws_db_instance.this.multi_az
    error_message = "The settings are the database's."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.cluster : rule.cidr_ipv4]) == toset(var.client_cidrs) && alltrue([for rule in aws_vpc_security_group_ingress_rule.cluster : rule.from_port == 5432 && rule.to_port == 5432 && rule.ip_protocol == "tcp"])
    error_message = "Nodes and pods come in, to PostgreSQL."
  }

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.kms_key_id == var.log_key_arn])
    error_message = "Logs are encrypted with our key."
  }
}
