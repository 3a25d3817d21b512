mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name               = "churn"
  region             = "us-east-1"
  account_id         = "123456789012"
  cidr               = "10.20.0.0/16"
  zones              = ["us-east-1a", "us-east-1b", "us-east-1c"]
  nat_per_zone       = false
  log_retention_days = 90
  log_key_arn        = "arn:aws:kms:us-east-1:123456789012:key/logs"
}

run "network" {
  module {
    source = "./modules/network"
  }

  assert {
    condition     = length(aws_default_security_group.closed.ingress) == 0 && length(aws_default_security_group.closed.egress) == 0
    error_message = "The default security group lets nothing in or out."
  }

  assert {
    condition     = alltrue([for subnet in concat(values(aws_subnet.public), values(aws_subnet.private)) : subnet.map_public_ip_on_launch != true])
    error_message = "No subnet gives public addresses."
  }

  assert {
    condition     = [for zone in var.zones : aws_subnet.private[zone].cidr_block] == ["10.20.0.0/19", "10.20.32.0/19", "10.20.64.0/19"]
    error_message = "Each zone's pods have an eighth of the network."
  }

  assert {
    condition     = length(distinct(concat([for s in aws_subnet.public : s.cidr_block], [for s in aws_subnet.private : s.cidr_block]))) == 6
    error_message = "No two subnets have the same addresses."
  }

  assert {
    condition     = keys(aws_nat_gateway.this) == ["us-east-1a"]
    error_message = "One NAT gateway is in the first zone."
  }

  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_flow_log.this.vpc_id == aws_vpc.this.id
    error_message = "All traffic of the VPC is noted."
  }

  assert {
    condition     = aws_cloudwatch_log_group.flow.kms_key_id == var.log_key_arn && aws_cloudwatch_log_group.flow.retention_in_days == 90
    error_message = "Flow logs are encrypted with our key and go in the end."
  }

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.us-east-1.s3" && length(aws_vpc_endpoint.s3.route_table_ids) >= 1
    error_message = "S3 is reached without the NAT gateway."
  }
}

run "a_way_out_for_each_zone" {
  module {
    source = "./modules/network"
  }

  variables {
    nat_per_zone = true
  }

  assert {
    condition     = toset(keys(aws_nat_gateway.this)) == toset(var.zones)
    error_message = "Each zone has its NAT gateway."
  }

  assert {
    condition     = alltrue([for zone in var.zones : aws_route.nat[zone].nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "Each zone goes out through its own."
  }
}

run "six_zones_of_the_smallest_network" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr  = "10.20.0.0/22"
    zones = ["a", "b", "c", "d", "e", "f"]
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : endswith(subnet.cidr_block, "/28")]) && alltrue([for subnet in aws_subnet.private : endswith(subnet.cidr_block, "/25")])
    error_message = "All subnets are of a size that AWS takes."
  }
}
