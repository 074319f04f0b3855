server "db" {
  name     = "db-1"
  plan     = "vps-large"
  location = var.location
  ssh_keys = local.ssh_keys
}

volume "data" {
  name      = "database"
  size_gb   = 100
  type      = "ssd"
  server_id = server.db.id
}

# Only the web servers reach PostgreSQL.
firewall_rule "postgres" {
  count      = var.web_count
  name       = "allow-postgres-web-${count.index + 1}"
  server_id  = server.db.id
  protocol   = "tcp"
  port_range = "5432"
  source     = server.web[count.index].ip_address
  action     = "allow"
}

backup_schedule "nightly" {
  name           = "database-nightly"
  server_id      = server.db.id
  cron           = "0 2 * * *"
  retention_days = 14

  lifecycle {
    on_unsupported = "forget" # the API cannot change or delete a schedule
  }
}
