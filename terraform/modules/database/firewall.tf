# In from the cluster, out to nobody.
resource "aws_security_group" "this" {
  name        = var.name
  description = "MLflow's database: PostgreSQL from nodes and pods."
  vpc_id      = var.vpc_id

  tags = { Name = var.name }
}

resource "aws_vpc_security_group_ingress_rule" "cluster" {
  for_each = toset(var.client_cidrs)

  security_group_id = aws_security_group.this.id
  description       = "PostgreSQL from nodes and pods"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 5432
  to_port           = 5432
}
