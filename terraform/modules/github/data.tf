# For the workflow that trains: it runs in an environment of GitHub's, whose rules say who may start it.
resource "aws_iam_role" "data" {
  name                 = "${var.name}-github-data"
  description          = "Workflows of ${var.repository} that train on the data of DVC's remote."
  max_session_duration = 10800
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = "repo:${var.repository}:environment:${var.environment}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "data" {
  name   = "data"
  role   = aws_iam_role.data.id
  policy = var.data_policy
}
