locals {
  objects = { for part, prefix in var.prefixes : part => "${var.bucket_arn}/${prefix}/*" }

  read  = ["s3:GetObject"]
  write = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]

  list_mlflow = {
    Sid       = "List"
    Effect    = "Allow"
    Action    = "s3:ListBucket"
    Resource  = var.bucket_arn
    Condition = { StringLike = { "s3:prefix" = [var.prefixes.mlflow, "${var.prefixes.mlflow}/*"] } }
  }

  # Through S3 only, which asks for one key per bucket and not per object.
  through_s3 = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
  decrypt    = { Sid = "Decrypt", Effect = "Allow", Action = ["kms:Decrypt"], Resource = var.key_arn, Condition = local.through_s3 }
  encrypt    = { Sid = "Encrypt", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.key_arn, Condition = local.through_s3 }

  # DVC's remote alone. Who may not list the bucket gets 403 for a missing object, where DVC expects 404.
  dvc_statements = [
    { Sid = "List", Effect = "Allow", Action = "s3:ListBucket", Resource = var.bucket_arn },
    { Sid = "Write", Effect = "Allow", Action = local.write, Resource = [local.objects.dvc] },
    local.encrypt,
  ]

  bucket_statements = {
    mlflow = [
      local.list_mlflow,
      { Sid = "Write", Effect = "Allow", Action = local.write, Resource = [local.objects.mlflow] },
      local.encrypt,
    ]

    # MLflow hands the champion and the list to the API, which needs nothing more; it may look, at most.
    api = [
      local.list_mlflow,
      { Sid = "Read", Effect = "Allow", Action = local.read, Resource = [local.objects.mlflow] },
      local.decrypt,
    ]

    # They may read all that is in the bucket and so may list it. Who may not list it whole gets 403 for a
    # missing object, where s3fs and DVC expect 404.
    jobs = [
      { Sid = "List", Effect = "Allow", Action = ["s3:ListBucket", "s3:GetBucketLocation"], Resource = var.bucket_arn },
      { Sid = "Write", Effect = "Allow", Action = local.write, Resource = [local.objects.workspace, local.objects.dvc] },
      { Sid = "Read", Effect = "Allow", Action = local.read, Resource = [local.objects.mlflow] },
      local.encrypt,
    ]
  }
}
