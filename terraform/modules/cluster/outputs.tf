output "name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "Address of the Kubernetes API."
  value       = aws_eks_cluster.this.endpoint
}

output "oidc" {
  description = "The cluster's OIDC provider: its ARN, and its issuer without https://."
  value = {
    provider_arn = aws_iam_openid_connect_provider.this.arn
    issuer       = trimprefix(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
  }
}
