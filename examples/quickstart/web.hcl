server "web" {
  count    = var.web_count
  name     = "web-${count.index + 1}"
  plan     = "vps-medium"
  location = var.location
  ssh_keys = local.ssh_keys
}

firewall_rule "http" {
  for_each   = { for s in server.web : s.name => s.id }
  name       = "allow-http-${each.key}"
  server_id  = each.value
  protocol   = "tcp"
  port_range = "80"
  source     = "0.0.0.0/0"
  action     = "allow"
}

firewall_rule "https" {
  for_each   = { for s in server.web : s.name => s.id }
  name       = "allow-https-${each.key}"
  server_id  = each.value
  protocol   = "tcp"
  port_range = "443"
  source     = "0.0.0.0/0"
  action     = "allow"
}

firewall_rule "ssh" {
  for_each   = local.servers
  name       = "allow-ssh-${each.key}"
  server_id  = each.value
  protocol   = "tcp"
  port_range = "22"
  source     = var.office
  action     = "allow"
  priority   = 50
}
