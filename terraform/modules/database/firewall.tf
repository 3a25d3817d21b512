# In from the cluster, out to nobody.
resource "aws_security_group" "this" {
  name        = var.name
  description = "MLflow's database: PostgreSQL from the cluster's nodes."
  vpc_id      = var.vpc_id

  tags = { Name = var.name }
}

resource "aws_vpc_security_group_ingress_rule" "cluster" {
  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from the cluster's nodes"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}
