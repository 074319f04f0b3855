network "shop" {
  provider    = servosphere
  name        = "shop"
  cidr        = "10.20.0.0/24"
  gateway     = "10.20.0.1"
  dns_servers = ["9.9.9.9", "149.112.112.112"]
}

network "mirror" {
  provider = servosphere.eu
  name     = "mirror"
  cidr     = "10.30.0.0/24"
}

# The database lets in the shops, the worker at VPS.org and the mirror of the other account, and nobody else.
firewall_rule "postgres" {
  provider   = servosphere
  for_each   = local.clients
  name       = "postgres-${each.key}"
  server_id  = server.db.id
  protocol   = "tcp"
  port_range = "5432"
  source     = each.value
  action     = "allow"
}

firewall_rule "https" {
  provider   = servosphere
  for_each   = server.shop
  name       = "https-${each.key}"
  server_id  = each.value.id
  protocol   = "tcp"
  port_range = "443"
  source     = "0.0.0.0/0"
  action     = "allow"
}

# evotic's server asks every shop, and the mirror, how it is.
firewall_rule "watched" {
  provider   = servosphere
  for_each   = server.shop
  name       = "watched-${each.key}"
  server_id  = each.value.id
  protocol   = "tcp"
  port_range = "9100"
  source     = server.watch.ip_addresses[0].ip
  action     = "allow"
}

firewall_rule "mirror_watched" {
  provider   = servosphere.eu
  name       = "watched-mirror"
  server_id  = server.mirror.id
  protocol   = "tcp"
  port_range = "9100"
  source     = server.watch.ip_addresses[0].ip
  action     = "allow"
}
