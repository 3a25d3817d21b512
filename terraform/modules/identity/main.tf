# IAM roles for service accounts: a pod gets a role by its account in the cluster, without any key.
locals {
  accounts = {
    mlflow  = { namespace = var.namespace, name = "mlflow" }
    api     = { namespace = var.namespace, name = "churn-api" }
    jobs    = { namespace = var.namespace, name = "churn-jobs" }
    ebs-csi = { namespace = "kube-system", name = "ebs-csi-controller-sa" }
  }
}

resource "aws_iam_role" "this" {
  for_each = local.accounts

  name        = "${var.name}-${each.key}"
  description = "Service account ${each.value.name} in ${each.value.namespace}."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = var.oidc.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${var.oidc.issuer}:sub" = "system:serviceaccount:${each.value.namespace}:${each.value.name}"
          "${var.oidc.issuer}:aud" = "sts.amazonaws.com"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "bucket" {
  for_each = local.bucket_statements

  name = "bucket"
  role = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = each.value
  })
}

resource "aws_iam_role_policy_attachment" "ebs_csi" {
  role       = aws_iam_role.this["ebs-csi"].name
  policy_arn = "arn:${var.partition}:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
}
