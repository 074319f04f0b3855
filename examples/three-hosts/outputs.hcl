output "shops" {
  description = "Where the shops answer."
  value       = { for key, s in server.shop : key => s.ip_address }
}

output "hosts" {
  description = "Which server is at which host."
  value = {
    servosphere = concat([for s in server.shop : s.name], [server.db.name])
    eu          = [server.mirror.name]
    vpsorg      = [server.worker.name]
    evotic      = [server.watch.name]
  }
}

output "worker_address" {
  value = server.worker.ipv6_address # no list shows it, so that the worker is read one by one
}

output "load" {
  description = "How busy the database is, in percent."
  value       = data.server_metrics.db.cpu.usage_percent
}

output "vpsorg_token" {
  value = "${data.account.vpsorg.token_name} of ${data.account.vpsorg.email}"
}

output "watch_login" {
  value     = "root:${var.root_password}@${server.watch.ip_addresses[0].ip}"
  sensitive = true
}
