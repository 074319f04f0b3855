# Three names of a small company, at a host that vpsync does not bring along.

provider "tern" {
  definition = "./tern.provider.hcl"
}

zone "main" {
  origin      = "example.org"
  contact     = "hostmaster@example.org"
  transfer_to = ["192.0.2.53", "198.51.100.53"]
}

record "www" {
  zone_id = zone.main.id
  label   = "www"
  type    = "A"
  values  = ["192.0.2.10", "192.0.2.11"]
  ttl     = 300
}

record "mail" {
  for_each = {
    "@"    = { type = "MX", values = ["10 mail.example.org."] }
    "mail" = { type = "A", values = ["192.0.2.25"] }
  }

  zone_id = zone.main.id
  label   = each.key
  type    = each.value.type
  values  = each.value.values
}

output "nameservers" {
  value = zone.main.nameservers
}
