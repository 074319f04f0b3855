# A server block looks different at each host: `vpsync providers show NAME` lists what each takes.

server "shop" {
  provider = servosphere
  for_each = var.shops
  name     = "shop-${each.key}"
  plan     = "vps-medium"
  location = each.value

  lifecycle {
    create_before_destroy = true
  }
}

server "db" {
  provider = servosphere
  name     = "db"
  plan     = "vps-large"
  location = "AMS"
  os       = "ubuntu-22.04"

  lifecycle {
    ignore_changes = [os] # an upgrade within the server is no reason for a new one
  }
}

server "mirror" {
  provider = servosphere.eu
  name     = "mirror"
  plan     = "vps-small"
  location = "IST"
}

server "worker" {
  provider        = vpsorg
  name            = "worker"
  plan_id         = local.worker_plan.id
  os_id           = 5
  location        = "us-west"
  hostname        = "worker.example.com"
  backups_enabled = true
  power           = var.nightly_work ? "running" : "stopped"

  lifecycle {
    precondition {
      condition     = local.worker_plan.price_monthly <= 20
      error_message = "${local.worker_plan.name} costs ${local.worker_plan.price_monthly} a month."
    }
  }
}

# Every change of a server at evotic replaces it, except a password, which is for the next one.
server "watch" {
  provider         = evotic
  name             = "watch"
  location_id      = 1
  os_id            = 2
  password         = var.root_password
  cpu              = 1
  ram              = 1024
  disk             = 10
  initial_commands = ["apt-get update", "apt-get install -y prometheus"]

  lifecycle {
    postcondition {
      condition     = length(self.ip_addresses) > 0
      error_message = "${self.name} has no address."
    }
  }
}

moved {
  from = server.probe # what it was called once
  to   = server.watch
}
