output "role_arn" {
  description = "ARN of the role that pushes images."
  value       = aws_iam_role.push.arn
}

output "data_role_arn" {
  description = "ARN of the role that trains."
  value       = aws_iam_role.data.arn
}
