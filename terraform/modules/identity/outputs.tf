output "role_arns" {
  description = "ARNs of the roles, by who carries them."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
