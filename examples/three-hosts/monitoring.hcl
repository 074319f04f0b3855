alert_rule "limits" {
  provider  = servosphere
  for_each  = { cpu = 90, disk = 85 }
  name      = "${each.key}-high"
  metric    = each.key
  threshold = each.value
  condition = "greater_than"

  lifecycle {
    on_unsupported = "forget" # a change makes a new rule; `vpsync state leftovers` lists the old one
  }
}

alert_rule "mirror" {
  provider  = servosphere.eu
  name      = "mirror-idle"
  metric    = "network"
  threshold = 1
  condition = "less_than"

  lifecycle {
    on_unsupported = "forget"
  }
}

# Asked once there is a server to ask about: during the first apply, and while planning from then on.
data "server_metrics" "db" {
  provider  = servosphere
  server_id = server.db.id
  period    = "24h"
  metrics   = ["cpu", "disk"]
}

check "room" {
  assert {
    condition     = data.server_metrics.db.disk.usage_percent < 90
    error_message = "The disk of the database is ${data.server_metrics.db.disk.usage_percent} % full."
  }
}
