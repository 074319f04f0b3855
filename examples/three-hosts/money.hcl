data "usage" "shop" {
  provider = servosphere
}

data "usage" "eu" {
  provider = servosphere.eu
}

data "plans" "worker" {
  provider = vpsorg
  location = "us-west"
}

data "account" "vpsorg" {
  provider = vpsorg
}

check "budget" {
  assert {
    condition     = data.usage.shop.total_cost + data.usage.eu.total_cost <= var.budget
    error_message = "Servosphere costs ${data.usage.shop.total_cost + data.usage.eu.total_cost} a month."
  }
}
