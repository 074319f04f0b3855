# A small company's infrastructure: two web servers behind firewall rules, a database with a volume of
# its own, alerts and a nightly backup. Try it without an account:
#
#   vpsync -C examples/quickstart apply --sandbox

provider "servosphere" {} # the token comes from SERVOSPHERE_API_KEY

variable "web_count" {
  description = "How many web servers there are."
  type        = number
  default     = 2
}

variable "location" {
  description = "Data centre of all servers: AMS or IST."
  type        = string
  default     = "AMS"
}

variable "office" {
  description = "Address range from which SSH is allowed."
  type        = string
  default     = "198.51.100.0/24"
}

locals {
  ssh_keys = [trimspace(file("keys/ops.pub"))]

  # Everything that must let the office in.
  servers = merge(
    { for s in server.web : s.name => s.id },
    { (server.db.name) = server.db.id },
  )
}

network "private" {
  name        = "company"
  cidr        = "10.20.0.0/24"
  gateway     = "10.20.0.1"
  dns_servers = ["9.9.9.9", "149.112.112.112"]
}
