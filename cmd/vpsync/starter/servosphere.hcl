# What the account at Servosphere should hold. Try it without an account:
#
#   vpsync plan  --sandbox
#   vpsync apply --sandbox
#
# For the real one, export SERVOSPHERE_API_KEY and leave --sandbox away.

provider "servosphere" {}

# Values that differ between places: set one by --var web_count=3, by VPSYNC_VAR_web_count=3, or in a file
# vpsync.vars.hcl (web_count = 3).
variable "web_count" {
  type    = number
  default = 1
}

server "web" {
  count    = var.web_count
  name     = "web-${count.index + 1}"
  plan     = "vps-medium"
  location = "AMS" # or "IST"

  # Keys take effect on new servers only.
  # ssh_keys = [file("keys/me.pub")]
}

# One rule for each server. A reference such as server.web[0].id is known only after apply; the plan says so.
firewall_rule "http" {
  for_each   = { for s in server.web : s.name => s.id }
  name       = "allow-http-${each.key}"
  server_id  = each.value
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}

# The API can neither change nor delete an alert rule. on_unsupported says what to do when a plan would need that:
# "error" stops and asks, "forget" lets go of the old one and makes a new one.
#
# alert_rule "cpu" {
#   name      = "cpu-high"
#   metric    = "cpu"
#   threshold = 90
#   condition = "greater_than"
#
#   lifecycle {
#     on_unsupported = "forget"
#   }
# }

output "addresses" {
  value = { for s in server.web : s.name => s.ip_address }
}
