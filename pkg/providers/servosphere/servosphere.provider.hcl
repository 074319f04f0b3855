# Servosphere, API version 2, as vpsync speaks it.
#
# An operation with documented = false is not printed on the vendor's page: its path was settled by
# inference. If your account answers 404 to one, correct its line here.
#
# emulate, catalog and refusal tell the sandbox what the API does by itself; nothing of them is ever sent.

provider "servosphere" {
  title    = "Servosphere"
  base_url = "https://api.servosphere.net/v2"
  encoding = "json"

  auth "bearer" {
    token_env = "SERVOSPHERE_API_KEY"
  }

  # {"error": {"code": "...", "message": "...", "details": {...}}}
  error {
    code    = "error.code"
    message = "error.message"
    details = "error.details"
  }

  # One object comes as {"data": {...}} or bare.
  answer = ["data", ""]

  # Where an answer holds no pagination, it is the whole list.
  paging "page" {
    page_parameter  = "page"
    limit_parameter = "limit"
    page_size       = 100
    items           = "data"
    page_count      = "pagination.pages"
    total           = "pagination.total"
    page_number     = "pagination.page"
    page_limit      = "pagination.limit"
  }

  rate_limit "standard" {
    requests = 1000
    per      = "1h"
    default  = true
  }

  rate_limit "intensive" {
    requests = 100
    per      = "1h"
  }

  rate_limit_headers {
    limit     = "X-RateLimit-Limit"
    remaining = "X-RateLimit-Remaining"
    reset     = "X-RateLimit-Reset" # Unix seconds
  }

  timeout = "30s"  # of one request
  grace   = "120s" # how late a request without an answer may still take effect
  lag     = "5s"   # how long a list may miss what was just written

  billing {
    usage {
      data     = "usage"
      current  = { period = "current" }
      previous = { period = "previous" }
      total    = "total_cost"
      currency = "currency"
      period   = "month"
      parts    = "breakdown"
      cost     = "cost"
    }

    invoices {
      data     = "invoices"
      number   = "number"
      status   = "status"
      amount   = "amount"
      currency = "currency"
      period   = "period"
      due      = "due_date"
    }
  }
}

kind "server" {
  description = "A virtual server."
  holds_data  = true
  billed      = true
  identity    = ["name", "location"]
  id          = "srv_1234567890"

  attribute "name" {
    description = "Host name of the server. Names are not unique."
    type        = string
    required    = true
    on_change   = "replace"
  }

  attribute "plan" {
    description = "Plan id."
    type        = string
    required    = true
    readable    = false
    on_change   = "replace"
    catalog     = ["vps-small", "vps-medium", "vps-large"] # the sandbox sells these
    examples    = ["vps-medium"]
  }

  attribute "location" {
    description = "Data centre."
    type        = string
    required    = true
    one_of      = ["AMS", "IST"]
    reads_as    = { AMS = "Amsterdam", IST = "Istanbul" }
    on_change   = "replace"
  }

  attribute "os" {
    description    = "Operating system that a new server gets."
    type           = string
    optional       = true
    readable       = false
    server_default = "ubuntu-22.04"
    on_change      = "replace"
  }

  attribute "ssh_keys" {
    description = "Public keys that a new server lets in."
    type        = list(string)
    optional    = true
    readable    = false
    equal       = "set"
    on_change   = "next_create"
    examples    = [["ssh-rsa AAAAB3..."]]
  }

  attribute "status" {
    description = "provisioning, active, inactive or suspended."
    type        = string
    computed    = true
    examples    = ["active"]
  }

  attribute "ip_address" {
    description = "Public address."
    type        = string
    computed    = true
    examples    = ["185.123.45.67"]
  }

  attribute "specs" {
    description = "Cores, memory (MB), disk (GB) and monthly traffic (GB)."
    type        = object({ cpu = number, ram = number, disk = number, bandwidth = number })
    computed    = true
    examples    = [{ cpu = 4, ram = 8192, disk = 160, bandwidth = 10000 }]
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-15T10:30:00Z"]
  }

  created_at = "created_at"

  wait {
    pending = { status = ["provisioning"] }
    ready   = { status = ["active", "inactive"] }
    failed  = { status = ["suspended"] }
    every   = "10s"
    timeout = "15m"
  }

  create {
    request    = "POST /servers"
    documented = false
    sends      = ["name", "plan", "location", "os", "ssh_keys"]
    rate_limit = "intensive"
    success    = 201
  }

  list {
    request    = "GET /servers"
    documented = true
    filters    = { status = ["active", "inactive", "suspended"] }
  }

  delete {
    request    = "DELETE /servers/{id}"
    documented = false
    success    = 204
  }
}

kind "network" {
  description = "A private network."
  identity    = ["name"]
  id          = "net_1234567890"

  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
  }

  attribute "cidr" {
    description = "Address range. Host bits are dropped: 10.0.0.5/24 is 10.0.0.0/24."
    type        = string
    required    = true
    format      = "cidr"
    equal       = "cidr"
    on_change   = "replace"
    examples    = ["10.0.0.0/24"]
  }

  attribute "vlan_id" {
    type      = number
    optional  = true
    computed  = true
    whole     = true
    min       = 1
    max       = 4094
    on_change = "replace"
    examples  = [100]
  }

  attribute "gateway" {
    description = "First address of the range unless set."
    type        = string
    optional    = true
    computed    = true
    format      = "ip"
    on_change   = "update"
    emulate     = cidrhost(cidr, 1)
    examples    = ["10.0.0.1"]
  }

  attribute "dns_servers" {
    type      = list(string)
    optional  = true
    computed  = true
    emulate   = ["8.8.8.8", "8.8.4.4"]
    on_change = "update"
    examples  = [["8.8.8.8", "8.8.4.4"]]
  }

  attribute "location" {
    type     = string
    computed = true
    examples = ["AMS"]
  }

  attribute "status" {
    type     = string
    computed = true
    examples = ["active"]
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-15T10:30:00Z"]
  }

  created_at = "created_at"

  create {
    request    = "POST /networks"
    documented = false
    sends      = ["name", "cidr", "vlan_id"]
    success    = 201
  }

  list {
    request    = "GET /networks"
    documented = false
  }

  update {
    request    = "PUT /networks/{id}"
    documented = false
    sends      = ["gateway", "dns_servers"]
    whole      = true
  }

  # The API has no operation that deletes a network.
}

kind "volume" {
  description = "A block storage volume."
  holds_data  = true
  billed      = true
  identity    = ["name"]
  id          = "vol_1234567890"

  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
  }

  attribute "size_gb" {
    type      = number
    required  = true
    whole     = true
    min       = 10
    max       = 10000
    on_change = "replace"
    examples  = [500]
  }

  attribute "type" {
    type      = string
    required  = true
    one_of    = ["ssd", "hdd"]
    on_change = "replace"
  }

  attribute "server_id" {
    description         = "The server that it is attached to. There is no detach: it comes free when that server is deleted."
    type                = string
    optional            = true
    computed            = true
    refers_to           = "server"
    cleared_with_target = true
    on_change           = "attach"
    only_from_unset     = true
  }

  attribute "status" {
    description = "available or attached."
    type        = string
    computed    = true
    emulate     = server_id == null ? "available" : "attached"
    examples    = ["available"]
  }

  attribute "mount_point" {
    type     = string
    computed = true
    emulate  = server_id == null ? null : "/dev/sdb"
    examples = ["/dev/sdb"]
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-15T10:30:00Z"]
  }

  created_at = "created_at"

  create {
    request    = "POST /storage/volumes"
    documented = false
    sends      = ["name", "size_gb", "type"]
    success    = 201
  }

  list {
    request    = "GET /storage/volumes"
    documented = false
  }

  operation "attach" {
    request    = "POST /storage/volumes/{id}/attach"
    documented = false
    sends      = ["server_id"]
    refusal    = "VOLUME_ATTACHED" # what the vendor calls attaching an attached one
  }

  # The API has no operation that detaches, resizes or deletes a volume.
}

kind "firewall_rule" {
  description = "A rule about traffic to one server, or to all."
  # What a rule does is what it is: two rules with the same content are twins, whatever their names.
  identity = ["protocol", "port_range", "source", "action", "server_id"]
  id       = "fw_1234567890"

  attribute "name" {
    type      = string
    required  = true
    on_change = "update"
  }

  attribute "protocol" {
    type      = string
    required  = true
    one_of    = ["tcp", "udp", "icmp"]
    on_change = "update"
  }

  attribute "port_range" {
    description = "A port (\"80\") or a range (\"8080-8090\")."
    type        = string
    required    = true
    format      = "port_range"
    on_change   = "update"
    examples    = ["80", "8080-8090"]
  }

  attribute "source" {
    description = "Address or range that the traffic comes from."
    type        = string
    required    = true
    format      = "ip_or_cidr"
    equal       = "cidr"
    on_change   = "update"
    examples    = ["0.0.0.0/0"]
  }

  attribute "action" {
    type      = string
    required  = true
    one_of    = ["allow", "deny"]
    on_change = "update"
  }

  attribute "server_id" {
    description = "The server that it guards."
    type        = string
    optional    = true
    refers_to   = "server"
    on_change   = "update"
    on_remove   = "clear"
  }

  attribute "priority" {
    type           = number
    optional       = true
    whole          = true
    server_default = 100
    on_change      = "update"
    on_remove      = "default"
  }

  attribute "enabled" {
    type           = bool
    optional       = true
    server_default = true
    on_change      = "update"
    on_remove      = "default"
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-15T10:30:00Z"]
  }

  created_at = "created_at"

  create {
    request    = "POST /firewall/rules"
    documented = false
    sends      = ["name", "protocol", "port_range", "source", "action", "server_id", "priority", "enabled"]
    success    = 201
  }

  list {
    request    = "GET /firewall/rules"
    documented = false
  }

  update {
    request    = "PUT /firewall/rules/{id}"
    documented = false
    sends      = ["name", "protocol", "port_range", "source", "action", "server_id", "priority", "enabled"]
    whole      = true
  }

  delete {
    request    = "DELETE /firewall/rules/{id}"
    documented = false
    success    = 204
  }
}

kind "alert_rule" {
  description = "A threshold on a metric of every server."
  identity    = ["name"]
  id          = "alr_1234567890"

  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
  }

  attribute "metric" {
    type      = string
    required  = true
    one_of    = ["cpu", "memory", "disk", "network"]
    on_change = "replace"
  }

  attribute "threshold" {
    type      = number
    required  = true
    on_change = "replace"
  }

  attribute "condition" {
    type      = string
    required  = true
    one_of    = ["greater_than", "less_than"]
    on_change = "replace"
  }

  create {
    request    = "POST /monitoring/alerts"
    documented = false
    sends      = ["name", "metric", "threshold", "condition"]
    success    = 201
  }

  # The API has no operation that lists, changes or deletes alert rules. GET /monitoring/alerts
  # answers alerts that have been raised, not rules.
}

kind "backup_schedule" {
  description = "Backups of a server at set times."
  identity    = ["name", "server_id"]
  id          = "sch_1234567890"

  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
  }

  attribute "server_id" {
    type      = string
    required  = true
    refers_to = "server"
    on_change = "replace"
  }

  attribute "cron" {
    description = "Five fields, in UTC."
    type        = string
    required    = true
    format      = "cron"
    on_change   = "replace"
    examples    = ["0 2 * * *"]
  }

  attribute "retention_days" {
    type           = number
    optional       = true
    whole          = true
    min            = 1
    server_default = 30
    on_change      = "replace"
  }

  create {
    request    = "POST /backups/schedules"
    documented = false
    sends      = ["name", "server_id", "cron", "retention_days"]
    success    = 201
  }

  # The API has no operation that lists, changes or deletes backup schedules.
}

kind "backup" {
  description = "A backup of a server, made once. It ends by itself when its retention is over."
  holds_data  = true
  billed      = true
  when_gone   = "forget"
  identity    = ["name", "server_id", "type"]
  id          = "bkp_1234567890"

  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
  }

  attribute "server_id" {
    type      = string
    required  = true
    refers_to = "server"
    on_change = "replace"
  }

  attribute "retention_days" {
    type           = number
    optional       = true
    whole          = true
    min            = 1
    server_default = 30
    on_change      = "replace"
  }

  attribute "type" {
    description    = "manual or automatic."
    type           = string
    computed       = true
    server_default = "manual" # so an automatic one is never taken for one that was asked for
    examples       = ["manual"]
  }

  attribute "status" {
    description = "pending, completed or failed."
    type        = string
    computed    = true
    examples    = ["completed"]
  }

  attribute "size_gb" {
    type     = number
    computed = true
    examples = [85.4]
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-15T02:00:00Z"]
  }

  created_at = "created_at"

  wait {
    pending = { status = ["pending"] }
    ready   = { status = ["completed"] }
    failed  = { status = ["failed"] }
    every   = "30s"
    timeout = "2h"
  }

  create {
    request    = "POST /backups"
    documented = false
    sends      = ["name", "server_id", "retention_days"]
    rate_limit = "intensive"
    success    = 201
  }

  list {
    request    = "GET /backups"
    documented = false
    filters    = { server_id = [], type = ["manual", "automatic"] }
  }

  # The API has no operation that changes or deletes a backup.
}

data "servers" {
  description = "The servers of the account."
  request     = "GET /servers"
  documented  = true
  lists       = "servers"

  argument "status" {
    type     = string
    optional = true
    one_of   = ["active", "inactive", "suspended"]
  }

  attribute "servers" {
    description = "location is the name of the data centre, such as Amsterdam."
    type = list(object({
      id = string, name = string, status = string, ip_address = string, location = string, created_at = string,
      specs = object({ cpu = number, ram = number, disk = number, bandwidth = number })
    }))
  }
}

data "server_metrics" {
  description = "What a server uses, now and in the time before."
  request     = "GET /monitoring/servers/{server_id}/metrics"
  documented  = false

  argument "server_id" {
    type      = string
    required  = true
    refers_to = "server"
  }

  argument "period" {
    description = "How far the history goes back."
    type        = string
    optional    = true
    one_of      = ["1h", "24h", "7d", "30d"]
  }

  argument "metrics" {
    description = "Which to measure; all unless said."
    type        = list(string)
    optional    = true
    join        = ","
    one_of      = ["cpu", "memory", "disk", "network"]
  }

  attribute "server_id" {
    type    = string
    emulate = server_id
  }

  attribute "period" {
    type    = string
    emulate = period == null ? "1h" : period
  }

  attribute "cpu" {
    type     = object({ usage_percent = number, history = list(object({ timestamp = string, value = number })) })
    read     = "metrics.cpu"
    examples = [{ usage_percent = 45.2, history = [{ timestamp = "2025-01-15T10:00:00Z", value = 43.1 }, { timestamp = "2025-01-15T10:05:00Z", value = 45.2 }] }]
  }

  attribute "memory" {
    type     = object({ usage_percent = number, total_mb = number, used_mb = number })
    read     = "metrics.memory"
    examples = [{ usage_percent = 67.8, total_mb = 8192, used_mb = 5551 }]
  }

  attribute "disk" {
    type     = object({ usage_percent = number, total_gb = number, used_gb = number })
    read     = "metrics.disk"
    examples = [{ usage_percent = 32.1, total_gb = 160, used_gb = 51 }]
  }

  attribute "network" {
    type     = object({ in_mbps = number, out_mbps = number })
    read     = "metrics.network"
    examples = [{ in_mbps = 12.4, out_mbps = 8.7 }]
  }
}

data "active_alerts" {
  description = "Alerts that have been raised and not gone away. Rules are another thing."
  request     = "GET /monitoring/alerts"
  documented  = false
  lists       = "alerts"

  attribute "alerts" {
    type     = list(object({ id = string, name = string, metric = string, status = string, server_id = string, triggered_at = string }))
    examples = [[{ id = "alt_1234567890", name = "high-cpu", metric = "cpu", status = "active", server_id = "srv_1234567890", triggered_at = "2025-01-15T10:30:00Z" }]]
  }
}

data "backups" {
  description = "Backups and snapshots of the account."
  request     = "GET /backups"
  documented  = false
  lists       = "backups"

  argument "server_id" {
    type      = string
    optional  = true
    refers_to = "server"
  }

  argument "type" {
    type     = string
    optional = true
    one_of   = ["manual", "automatic"]
  }

  attribute "backups" {
    type = list(object({
      id = string, name = string, server_id = string, type = string, status = string, size_gb = number, created_at = string,
      retention_days = number
    }))
  }
}

data "usage" {
  description = "What the account has used in a billing period, and what that costs."
  request     = "GET /billing/usage"
  documented  = false

  argument "period" {
    type     = string
    optional = true
    one_of   = ["current", "previous"]
  }

  attribute "month" {
    type     = string
    read     = "period"
    emulate  = period == "previous" ? "2024-12" : "2025-01"
    examples = ["2025-01"]
  }

  attribute "period_start" {
    type     = string
    emulate  = period == "previous" ? "2024-12-01T00:00:00Z" : "2025-01-01T00:00:00Z"
    examples = ["2025-01-01T00:00:00Z"]
  }

  attribute "period_end" {
    type     = string
    emulate  = period == "previous" ? "2024-12-31T23:59:59Z" : "2025-01-31T23:59:59Z"
    examples = ["2025-01-31T23:59:59Z"]
  }

  attribute "currency" {
    type     = string
    examples = ["USD"]
  }

  attribute "total_cost" {
    type     = number
    examples = [156.78]
  }

  attribute "breakdown" {
    type = object({
      servers   = object({ count = number, cost = number })
      storage   = object({ gb_hours = number, cost = number })
      bandwidth = object({ gb_transferred = number, cost = number })
      backups   = object({ gb_stored = number, cost = number })
    })
    examples = [{
      servers   = { count = 3, cost = 120.00 }
      storage   = { gb_hours = 24000, cost = 24.00 }
      bandwidth = { gb_transferred = 1250, cost = 12.50 }
      backups   = { gb_stored = 300, cost = 0.28 }
    }]
  }
}

data "invoices" {
  description = "All invoices of the account."
  request     = "GET /billing/invoices"
  documented  = false
  lists       = "invoices"

  attribute "invoices" {
    type = list(object({
      id = string, number = string, status = string, amount = number, currency = string, period = string, due_date = string,
      paid_at = string, download_url = string
    }))
    examples = [[{
      id = "inv_1234567890", number = "INV-2025-001", status = "paid", amount = 156.78, currency = "USD", period = "2025-01",
      due_date = "2025-02-01T00:00:00Z", paid_at = "2025-01-28T14:30:00Z",
      download_url = "https://api.servosphere.net/v2/billing/invoices/inv_1234567890/pdf"
    }]]
  }
}

data "invoice" {
  description = "One invoice."
  request     = "GET /billing/invoices/{invoice_id}"
  documented  = false

  argument "invoice_id" {
    type     = string
    required = true
    catalog  = ["inv_1234567890"]
  }

  attribute "number" {
    type     = string
    examples = ["INV-2025-001"]
  }

  attribute "status" {
    type     = string
    examples = ["paid"]
  }

  attribute "amount" {
    type     = number
    examples = [156.78]
  }

  attribute "currency" {
    type     = string
    examples = ["USD"]
  }

  attribute "period" {
    type     = string
    examples = ["2025-01"]
  }

  attribute "due_date" {
    type     = string
    examples = ["2025-02-01T00:00:00Z"]
  }

  attribute "paid_at" {
    type     = string
    examples = ["2025-01-28T14:30:00Z"]
  }

  attribute "download_url" {
    type     = string
    examples = ["https://api.servosphere.net/v2/billing/invoices/inv_1234567890/pdf"]
  }
}

data "payment_methods" {
  description = "How the account pays. The vendor does not say which fields there are, so only those that every object has are read."
  request     = "GET /billing/payment-methods"
  documented  = false
  lists       = "payment_methods"

  attribute "payment_methods" {
    type     = list(object({ id = string, type = string }))
    examples = [[{ id = "pm_1234567890", type = "card" }]]
  }
}

task "backup" {
  description = "Backs a server up, and waits until that is done."
  on          = "server"
  creates     = "backup"
  target      = "server_id"
  label       = "name" # so it can be made by itself: lifecycle { backup_before }
}

task "restore" {
  description = "Puts a server back to what it was when a backup of it was made. The API does not tell when that is done."
  on          = "server"
  request     = "POST /backups/{backup_id}/restore"
  documented  = false
  rate_limit  = "intensive"
  success     = 202
  loses_data  = true

  argument "backup_id" {
    description = "Id of a backup of this server."
    type        = string
    required    = true
    refers_to   = "backup"
  }
}

task "snapshot" {
  description = "Takes a snapshot of a volume, and waits until that is done."
  on          = "volume"
  makes       = "backup"
  request     = "POST /storage/volumes/{id}/snapshots"
  documented  = false
  rate_limit  = "intensive"
  success     = 201

  argument "name" {
    type     = string
    optional = true
  }
}
