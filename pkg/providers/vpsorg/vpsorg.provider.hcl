# VPS.org, API version 1, as vpsync speaks it.
#
# An operation with documented = false is not printed on the vendor's page: it was settled by inference. If your
# account answers 404 to one, correct its line here.
#
# emulate, answers, passes and catalog tell the sandbox what the API does by itself; nothing of them is ever sent.

provider "vpsorg" {
  title    = "VPS.org"
  base_url = "https://admin.vps.org/api/v1"
  encoding = "json"

  auth "bearer" {
    token_env = "VPSORG_API_TOKEN"
  }

  # {"detail": "..."}, or what is wrong with each field: {"name": ["..."]}
  error {
    message = "detail"
    fields  = ""
  }

  # {"count": 2, "results": [...]}, and "next" where there is more. The size of a page is inferred.
  paging "next" {
    page_size = 100
    items     = "results"
    total     = "count"
    next      = "next"
  }

  timeout = "30s"  # of one request
  grace   = "120s" # how late a request without an answer may still take effect
  lag     = "5s"   # how long a list may miss what was just written
}

# Every path ends with a slash: without it the API answers a redirect, which vpsync never follows.

kind "server" {
  description = "A virtual server."
  holds_data  = true
  identity    = ["name", "location"]
  id          = "12345"

  attribute "name" {
    description = "Name of the server: letters, digits and hyphens. Names are not unique."
    type        = string
    required    = true
    pattern     = "[A-Za-z0-9-]+"
    on_change   = "update"
    examples    = ["web-server-01"]
  }

  attribute "hostname" {
    description = "Fully qualified host name."
    type        = string
    optional    = true
    computed    = true
    on_change   = "update"
    emulate     = name
    examples    = ["web01.example.com"]
  }

  attribute "status" {
    description = "active, stopped, suspended (by the provider, as when the credit ran out), provisioning, starting, stopping or rebooting."
    type        = string
    computed    = true
    emulate     = power == "stopped" ? "stopped" : "active"
    examples    = ["active"]
  }

  attribute "ip_address" {
    description = "Public address; none until the server is ready."
    type        = string
    computed    = true
    examples    = ["203.0.113.10"]
  }

  attribute "ipv6_address" {
    description = "Public IPv6 address."
    type        = string
    computed    = true
    detail_only = true
    examples    = ["2001:db8::1"]
  }

  attribute "location" {
    description = "Code of the data centre."
    type        = string
    required    = true
    on_change   = "replace"
    examples    = ["us-west"]
    catalog     = ["us-west", "us-east", "eu-central"] # the sandbox has these
  }

  attribute "plan_id" {
    description = "Id of the plan."
    type        = number
    required    = true
    whole       = true
    read        = "plan.id"
    on_change   = "replace"
    examples    = [1]
    catalog     = [1, 2, 3, 4]
  }

  attribute "plan_name" {
    type     = string
    computed = true
    read     = "plan.name"
    emulate  = plan_id == 1 ? "Standard VPS" : "Performance VPS"
    examples = ["Standard VPS"]
  }

  attribute "vcpus" {
    type     = number
    computed = true
    read     = "plan.vcpus"
    emulate  = plan_id == 1 ? 2 : 4
    examples = [2]
  }

  attribute "memory" {
    description = "Memory in MB."
    type        = number
    computed    = true
    read        = "plan.memory"
    emulate     = plan_id == 1 ? 4096 : 8192
    examples    = [4096]
  }

  attribute "storage" {
    description = "Disk in GB."
    type        = number
    computed    = true
    read        = "plan.storage"
    emulate     = plan_id == 1 ? 80 : 160
    examples    = [80]
  }

  attribute "bandwidth" {
    description = "Monthly traffic in GB."
    type        = number
    computed    = true
    detail_only = true
    read        = "plan.bandwidth"
    examples    = [2048]
  }

  attribute "os_id" {
    description = "Id of the operating system."
    type        = number
    required    = true
    whole       = true
    read        = "os.id"
    on_change   = "replace"
    examples    = [5]
    catalog     = [1, 2, 3, 4, 5]
  }

  attribute "os_name" {
    type     = string
    computed = true
    read     = "os.name"
    emulate  = os_id == 5 ? "Ubuntu 22.04 LTS" : "Debian 12"
    examples = ["Ubuntu 22.04 LTS"]
  }

  attribute "ssh_key_id" {
    description = "Id of the key that a new server lets in."
    type        = number
    optional    = true
    whole       = true
    readable    = false
    on_change   = "next_create"
  }

  attribute "backups_enabled" {
    description    = "Automatic backups."
    type           = bool
    optional       = true
    server_default = false
    detail_only    = true
    on_change      = "update"
    on_remove      = "default"
  }

  attribute "power" {
    description    = "Whether the server runs. A suspended one can be neither started nor stopped."
    type           = string
    optional       = true
    one_of         = ["running", "stopped"]
    server_default = "running"
    read           = "status"
    reads_as = {
      running = ["active", "provisioning", "starting", "rebooting"]
      stopped = ["stopped", "stopping"]
    }
    on_change = { running = "start", stopped = "stop" }
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-10T14:30:00Z"]
  }

  attribute "updated_at" {
    description = "When the server last changed."
    type        = string
    computed    = true
    examples    = ["2025-01-16T15:45:00Z"]
  }

  created_at = "created_at"
  changed    = "updated_at" # that it moves with every change is inferred

  wait {
    pending = { status = ["provisioning", "starting", "stopping", "rebooting"] }
    ready   = { status = ["active", "stopped"] }
    failed  = { status = ["suspended"] }
    every   = "10s"
    timeout = "15m"
  }

  create {
    request    = "POST /servers/"
    documented = true
    sends      = ["name", "plan_id", "os_id", "location", "hostname", "ssh_key_id", "backups_enabled"]
    success    = 201
    answers = [
      "name", "hostname", "status", "ip_address", "location", "plan_id", "plan_name", "vcpus", "memory", "storage",
      "os_id", "os_name", "backups_enabled", "created_at", "updated_at",
    ]
    emulate = { message = "Provisioning has begun" }
  }

  list {
    request    = "GET /servers/"
    documented = true
    filters    = { status = ["active", "stopped", "suspended"], location = [] }
  }

  read {
    request    = "GET /servers/{id}/"
    documented = true
    emulate    = { resource_usage = { cpu_percent = 23.5, memory_used = 2048, disk_used = 35, bandwidth_used = 450 } }
  }

  update {
    request    = "PATCH /servers/{id}/"
    documented = true
    sends      = ["name", "hostname", "backups_enabled"]
    answers = [
      "name", "hostname", "status", "ip_address", "location", "plan_id", "plan_name", "vcpus", "memory", "storage",
      "os_id", "os_name", "backups_enabled", "created_at", "updated_at",
    ]
  }

  delete {
    request    = "DELETE /servers/{id}/"
    documented = true
    success    = 204
  }

  operation "start" {
    request    = "POST /servers/{id}/start/"
    documented = true
    answer     = "server"
    answers    = ["name", "status"]
    passes     = { status = "starting" }
    emulate    = { status = "success", message = "Starting" }
  }

  operation "stop" {
    request    = "POST /servers/{id}/stop/"
    documented = true
    answer     = "server"
    answers    = ["name", "status"]
    passes     = { status = "stopping" }
    emulate    = { status = "success", message = "Stopping" }
  }

  operation "reboot" {
    request    = "POST /servers/{id}/reboot/"
    documented = true
    only_when  = { status = ["active"] }
    answer     = "server"
    answers    = ["name", "status"]
    passes     = { status = "rebooting" }
    emulate    = { status = "success", message = "Rebooting" }
  }

  # The API has no operation that changes plan, operating system or location.

  price {
    data    = "plans"
    match   = { plan_id = "id" }
    monthly = "price_monthly"
  }
}

kind "snapshot" {
  description = "The disk of a server at one time."
  holds_data  = true
  when_gone   = "forget"
  identity    = ["server_id", "name"]
  id          = "801"

  attribute "server_id" {
    type      = number
    required  = true
    whole     = true
    refers_to = "server"
    read      = "server.id"
    on_change = "replace"
    examples  = [12345]
  }

  attribute "server_name" {
    type     = string
    computed = true
    read     = "server.name"
    emulate  = "server-${server_id}"
    examples = ["web-server-01"]
  }

  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
    examples  = ["pre-migration-snapshot"]
  }

  attribute "status" {
    description = "completed once it can be used; the words before that are inferred."
    type        = string
    computed    = true
    examples    = ["completed"]
  }

  attribute "size_mb" {
    type     = number
    computed = true
    examples = [5120]
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-15T18:30:00Z"]
  }

  attribute "description" {
    type      = string
    optional  = true
    on_change = "replace"
    examples  = ["Before the migration"]
  }

  created_at = "created_at"

  wait {
    pending = { status = ["pending"] }
    ready   = { status = ["completed"] }
    failed  = { status = ["failed"] }
    every   = "15s"
    timeout = "1h"
  }

  create {
    request    = "POST /snapshots/"
    documented = true
    sends      = ["server_id", "name", "description"]
    success    = 201
    answers    = ["server_id", "server_name", "name", "status", "size_mb", "created_at", "description"]
  }

  list {
    request    = "GET /snapshots/"
    documented = true
    filters    = { server_id = [] }
  }

  # The API has no operation that reads one, changes or deletes a snapshot.
}

kind "backup" {
  description = "A backup of a server, made now. Automatic ones come from backups_enabled, and expire by themselves."
  holds_data  = true
  when_gone   = "forget"
  identity    = ["server_id", "description", "backup_type"]
  id          = "501"

  attribute "server_id" {
    type      = number
    required  = true
    whole     = true
    refers_to = "server"
    read      = "server.id"
    on_change = "replace"
    examples  = [12345]
  }

  attribute "server_name" {
    type     = string
    computed = true
    read     = "server.name"
    emulate  = "server-${server_id}"
    examples = ["web-server-01"]
  }

  attribute "backup_type" {
    description    = "manual or automatic."
    type           = string
    computed       = true
    server_default = "manual" # so an automatic one is never taken for one that was asked for
    examples       = ["manual"]
  }

  attribute "status" {
    description = "completed once it can be used; the words before that are inferred."
    type        = string
    computed    = true
    examples    = ["completed"]
  }

  attribute "size_mb" {
    type     = number
    computed = true
    examples = [4523]
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-16T03:00:00Z"]
  }

  attribute "expires_at" {
    description = "When an automatic backup goes; none of a manual one."
    type        = string
    computed    = true
  }

  attribute "description" {
    type      = string
    optional  = true
    on_change = "replace"
    examples  = ["Weekly"]
  }

  created_at = "created_at"

  wait {
    pending = { status = ["pending"] }
    ready   = { status = ["completed"] }
    failed  = { status = ["failed"] }
    every   = "15s"
    timeout = "1h"
  }

  create {
    request    = "POST /backups/"
    documented = false
    sends      = ["server_id", "description"]
    success    = 201
    answers    = ["server_id", "server_name", "backup_type", "status", "size_mb", "created_at", "expires_at", "description"]
  }

  list {
    request    = "GET /backups/"
    documented = true
    filters    = { server_id = [], backup_type = ["manual", "automatic"] }
  }

  # The API has no operation that reads one, changes or deletes a backup.
}

data "plans" {
  description = "What is for sale, and for how much."
  request     = "GET /plans/"
  documented  = true
  lists       = "plans"

  argument "location" {
    description = "Only those that can be had in this data centre."
    type        = string
    optional    = true
    matches     = "locations"
  }

  attribute "plans" {
    description = "memory is in MB, storage in GB; prices are in the currency of the account."
    type = list(object({
      id = number, name = string, slug = string, vcpus = number, memory = number, storage = number, bandwidth = number,
      price_monthly = number, price_hourly = number, available = bool, locations = list(string), description = string
    }))
    examples = [[
      {
        id = 1, name = "Starter VPS", slug = "starter", vcpus = 1, memory = 2048, storage = 40, bandwidth = 1024,
        price_monthly = 5.00, price_hourly = 0.007, available = true, locations = ["us-west", "us-east", "eu-central"], description = "To begin with"
      },
      {
        id = 2, name = "Standard VPS", slug = "standard", vcpus = 2, memory = 4096, storage = 80, bandwidth = 2048,
        price_monthly = 10.00, price_hourly = 0.014, available = true, locations = ["us-west", "us-east", "eu-central"], description = "For a web site"
      },
      {
        id = 3, name = "Performance VPS", slug = "performance", vcpus = 4, memory = 8192, storage = 160, bandwidth = 4096,
        price_monthly = 20.00, price_hourly = 0.028, available = true, locations = ["us-west", "eu-central"], description = "For a shop"
      },
      {
        id = 4, name = "Dedicated VPS", slug = "dedicated", vcpus = 8, memory = 16384, storage = 320, bandwidth = 8192,
        price_monthly = 40.00, price_hourly = 0.056, available = false, locations = ["us-west"], description = "For a database"
      },
    ]]
  }
}

data "servers" {
  description = "The servers of the account."
  request     = "GET /servers/"
  documented  = true
  lists       = "servers"

  argument "status" {
    type     = string
    optional = true
    one_of   = ["active", "stopped", "suspended"]
  }

  argument "location" {
    type     = string
    optional = true
  }

  attribute "servers" {
    type = list(object({
      id = number, name = string, hostname = string, status = string, ip_address = string, location = string,
      plan = object({ id = number, name = string, vcpus = number, memory = number, storage = number }),
      os = object({ id = number, name = string }), created_at = string, updated_at = string
    }))
  }
}

data "snapshots" {
  description = "Snapshots of the account, or of one server."
  request     = "GET /snapshots/"
  documented  = true
  lists       = "snapshots"

  argument "server_id" {
    type      = number
    optional  = true
    whole     = true
    refers_to = "server"
  }

  attribute "snapshots" {
    type = list(object({
      id = number, server = object({ id = number, name = string }), name = string, status = string, size_mb = number,
      created_at = string, description = string
    }))
  }
}

data "backups" {
  description = "Backups of the account, or of one server."
  request     = "GET /backups/"
  documented  = true
  lists       = "backups"

  argument "server_id" {
    type      = number
    optional  = true
    whole     = true
    refers_to = "server"
  }

  argument "backup_type" {
    type     = string
    optional = true
    one_of   = ["manual", "automatic"]
  }

  attribute "backups" {
    type = list(object({
      id = number, server = object({ id = number, name = string }), backup_type = string, status = string, size_mb = number,
      created_at = string, expires_at = string, description = string
    }))
  }
}

data "account" {
  description = "Whose token it is, and what it may do. Any valid token may ask."
  request     = "GET /account/me/"
  documented  = true

  attribute "email" {
    type     = string
    read     = "account.email"
    examples = ["ops@example.com"]
  }

  attribute "first_name" {
    type     = string
    read     = "account.first_name"
    examples = ["Robin"]
  }

  attribute "last_name" {
    type     = string
    read     = "account.last_name"
    examples = ["Example"]
  }

  attribute "company_name" {
    type     = string
    read     = "account.company_name"
    examples = ["Example Ltd"]
  }

  attribute "created_at" {
    type     = string
    read     = "account.created_at"
    examples = ["2024-05-01"]
  }

  attribute "token_name" {
    type     = string
    read     = "token.name"
    examples = ["vpsync"]
  }

  attribute "permissions" {
    type     = list(string)
    read     = "token.permissions"
    examples = [["servers:read", "servers:write"]]
  }
}

task "start" {
  description = "Starts a stopped server. What power says in the configuration brings it back."
  on          = "server"
  operation   = "start"
  waits       = true
}

task "stop" {
  description = "Stops a running server. What power says in the configuration brings it back."
  on          = "server"
  operation   = "stop"
  waits       = true
}

task "reboot" {
  description = "Restarts a running server."
  on          = "server"
  operation   = "reboot"
  waits       = true
}

task "snapshot" {
  description = "Takes a snapshot of a server, and waits until that is done."
  on          = "server"
  creates     = "snapshot"
  target      = "server_id"
}

task "backup" {
  description = "Backs a server up, and waits until that is done."
  on          = "server"
  creates     = "backup"
  target      = "server_id"
  label       = "description" # so it can be made by itself: lifecycle { backup_before }
}

task "replace_settings" {
  description = "Sets name, hostname and backups all at once. What the configuration says brings them back."
  on          = "server"
  request     = "PUT /servers/{id}/"
  documented  = true
  answers = [
    "name", "hostname", "status", "ip_address", "location", "plan_id", "plan_name", "vcpus", "memory", "storage",
    "os_id", "os_name", "backups_enabled", "created_at", "updated_at",
  ]

  argument "name" {
    type     = string
    required = true
    pattern  = "[A-Za-z0-9-]+"
  }

  argument "hostname" {
    type     = string
    required = true
  }

  argument "backups_enabled" {
    type     = bool
    required = true
  }
}
