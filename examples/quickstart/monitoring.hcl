# The API can neither change nor delete an alert rule: a change makes a new one, and the old one is
# listed by `vpsync state leftovers`.

alert_rule "cpu" {
  name      = "cpu-high"
  metric    = "cpu"
  threshold = 90
  condition = "greater_than"

  lifecycle {
    on_unsupported = "forget"
  }
}

alert_rule "disk" {
  name      = "disk-nearly-full"
  metric    = "disk"
  threshold = 85
  condition = "greater_than"

  lifecycle {
    on_unsupported = "forget"
  }
}
