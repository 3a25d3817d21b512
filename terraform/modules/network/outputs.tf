output "vpc_id" {
  description = "ID of the VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Subnets of nodes and database, once they have their way out."
  value       = [for zone in var.zones : aws_subnet.private[zone].id]

  depends_on = [aws_route.nat, aws_route_table_association.private]
}

output "private_subnet_cidrs" {
  description = "Addresses of nodes and pods."
  value       = values(local.private)
}
