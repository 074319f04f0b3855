variable "shops" {
  description = "Web servers: the data centre of each."
  type        = map(string)
  default     = { north = "AMS", south = "IST" }
}

variable "root_password" {
  description = "Password of root at evotic. It is sent once and kept nowhere."
  type        = string
  sensitive   = true

  validation {
    condition     = length(var.root_password) >= 12
    error_message = "At least 12 characters."
  }
}

variable "budget" {
  description = "What all of Servosphere may cost a month, in dollars."
  type        = number
  default     = 500
}

variable "nightly_work" {
  description = "Whether the worker at VPS.org runs; it costs the same when it does not, but does no work."
  type        = bool
  default     = true
}

locals {
  # The first plan that the worker fits on, of those that VPS.org sells there; they are listed by size.
  worker_plans = [for p in data.plans.worker.plans : p if p.available && p.memory >= 4096]
  worker_plan  = local.worker_plans[0]

  # Who may reach the database, at whichever host it is.
  clients = merge(
    { for key, s in server.shop : "shop-${key}" => s.ip_address },
    { worker = server.worker.ip_address, mirror = server.mirror.ip_address },
  )
}
