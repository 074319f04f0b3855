volume "data" {
  provider  = servosphere
  name      = "db-data"
  size_gb   = 100
  type      = "ssd"
  server_id = server.db.id
}

volume "archive" {
  provider  = servosphere.eu
  name      = "archive"
  size_gb   = 500
  type      = "hdd"
  server_id = server.mirror.id
}

# What is backed up on its own, at set times: the API can neither change nor delete a schedule.
backup_schedule "nightly" {
  provider       = servosphere
  name           = "db-nightly"
  server_id      = server.db.id
  cron           = "0 2 * * *"
  retention_days = 14

  lifecycle {
    on_unsupported = "forget"
  }
}

# What is backed up once, when it is made: at Servosphere, and twice over at VPS.org.
backup "launch" {
  provider       = servosphere
  name           = "launch"
  server_id      = server.db.id
  retention_days = 90
}

backup "worker" {
  provider    = vpsorg
  server_id   = server.worker.id
  description = "As it was set up"

  lifecycle {
    on_unsupported = "ignore" # one that exists stays that of the old server
  }
}

snapshot "worker" {
  provider    = vpsorg # no other host has snapshots as a kind
  server_id   = server.worker.id
  name        = "worker-set-up"
  description = "As it was set up"

  lifecycle {
    on_unsupported = "ignore"
  }
}
