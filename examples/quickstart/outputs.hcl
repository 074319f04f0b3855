output "web_addresses" {
  description = "Where the web servers answer."
  value       = { for s in server.web : s.name => s.ip_address }
}

output "database_address" {
  value = server.db.ip_address
}
