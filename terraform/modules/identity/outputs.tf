output "dvc_policy" {
  description = "What may be done with DVC's remote, as JSON, for a role that is no service account's."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.dvc_statements })
}

output "role_arns" {
  description = "ARNs of the roles, by who carries them."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
