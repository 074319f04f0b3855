# A host that does not exist: every word of the language once.

provider "acme" {
  title    = "Acme Hosting"
  base_url = "https://api.acme.example/v1"
  encoding = "json"

  auth "header" {
    token_env = "ACME_TOKEN"
    name      = "X-Api-Key"
  }

  error {
    code    = ["error.code", "type"]
    message = ["error.message", "message", ""]
    details = "error.details"
    fields  = ["error.fields", ""]
    codes   = { "404" = "NO_SUCH_THING" }
    emulate = { help = "https://acme.example/errors" }
  }

  answer = ["data", ""]

  paging "page" {
    page_parameter  = "page"
    limit_parameter = "per_page"
    page_size       = 50
    items           = "data"
    page_count      = "meta.pages"
    page_number     = "meta.page"
    page_limit      = "meta.per_page"
    total           = "meta.total"
  }

  rate_limit "reads" {
    requests = 3600
    per      = "1h"
  }

  rate_limit "writes" {
    requests = 10
    per      = "1m"
    default  = true
  }

  rate_limit_headers {
    limit     = "RateLimit-Limit"
    remaining = "RateLimit-Remaining"
    reset     = "RateLimit-Reset"
  }

  timeout = "20s"
  grace   = "90s"
  lag     = "3s"

  billing {
    usage {
      data     = "usage"
      current  = { month = "this" }
      previous = { month = "last" }
      total    = "total"
      currency = "currency"
      period   = "month"
      parts    = "parts"
      cost     = "cost"
    }

    invoices {
      data     = "invoices"
      list     = "invoices"
      number   = "id"
      status   = "status"
      amount   = "amount"
      currency = "currency"
      period   = "month"
      due      = "due"
    }
  }
}

kind "box" {
  description = "A box."
  holds_data  = true
  when_gone   = "forget"
  identity    = ["name"]
  id          = "42"
  id_path     = "box.id"
  created_at  = "created_at"
  changed     = "changed_at"

  attribute "name" {
    description = "What it is called."
    type        = string
    required    = true
    pattern     = "[a-z-]+"
    sent_as     = "hostname"
    read        = "box.hostname"
    equal       = "case"
    on_change   = "update"
    examples    = ["web-1"]
  }

  attribute "size" {
    type           = number
    optional       = true
    whole          = true
    one_of         = [1, 2, 4]
    min            = 1
    max            = 4
    server_default = 1
    on_change      = "update"
    on_remove      = "default"
    catalog        = [1, 2]
  }

  attribute "region" {
    type      = string
    optional  = true
    default   = "EU"
    reads_as  = { EU = "Europe", US = "America" }
    sends_as  = { EU = "eu-1", US = "us-1" }
    on_change = "replace"
  }

  attribute "networks" {
    type      = set(string)
    optional  = true
    computed  = true
    format    = "cidr"
    on_change = "error"
    on_remove = "clear"
  }

  attribute "password" {
    type      = string
    optional  = true
    sensitive = true
    readable  = false
    on_change = "next_create"
  }

  attribute "power" {
    type      = string
    optional  = true
    one_of    = ["on", "off"]
    read      = "status"
    reads_as  = { on = ["running", "starting"], off = "stopped" }
    sends_as  = { on = "start", off = "stop" }
    on_change = "switch"
  }

  attribute "mode" {
    type           = string
    optional       = true
    one_of         = ["normal", "rescue"]
    server_default = "normal"
    on_change      = { normal = "leave", rescue = "enter" }
  }

  attribute "disk_id" {
    type                = string
    optional            = true
    refers_to           = "disk"
    cleared_with_target = true
    on_change           = "replace"
  }

  attribute "label" {
    type     = string
    computed = true
    emulate  = upper(name)
  }

  attribute "address" {
    type        = string
    computed    = true
    detail_only = true
  }

  attribute "progress" {
    type     = number
    computed = true
  }

  attribute "created_at" {
    type     = string
    computed = true
  }

  attribute "changed_at" {
    type     = string
    computed = true
  }

  wait {
    pending  = { power = ["building"] }
    ready    = { power = ["on"], progress = [100] }
    failed   = { power = ["broken"] }
    every    = "5s"
    timeout  = "10m"
    progress = "progress"
    says     = "label"
  }

  emulate = { color = "grey" }

  create {
    request    = "POST /boxes"
    documented = true
    sends      = ["name", "size", "region", "networks", "password", "disk_id"]
    encoding   = "form"
    query      = { notify = "false" }
    success    = 202
    answer     = ["box_created", "data"]
    answers    = ["name", "address"]
    emulate    = { message = "It comes." }
    note       = "A box is charged at once."
  }

  list {
    request    = "GET /boxes"
    documented = true
    rate_limit = "reads"
    filters    = { status = ["running", "stopped"] }

    paging "cursor" {
      page_parameter = "after"
      items          = "boxes"
      next           = "after"
    }
  }

  read {
    request    = "GET /boxes/{id}"
    documented = true
    rate_limit = "reads"
  }

  update {
    request    = "PUT /boxes/{id}"
    documented = true
    sends      = ["name", "size"]
    whole      = true
  }

  delete {
    request    = "DELETE /boxes/{id}"
    documented = false
    success    = 204

    wait {
      leaving = { power = ["dying"] }
      every   = "2s"
      timeout = "5m"
    }
  }

  operation "switch" {
    request    = "POST /boxes/{id}/{power}"
    documented = true
    refusal    = "ALREADY"
  }

  operation "enter" {
    request    = "POST /boxes/{id}/rescue"
    documented = true
    passes     = { power = "building" }
  }

  operation "leave" {
    request    = "DELETE /boxes/{id}/rescue"
    documented = true
  }

  price {
    data     = "prices"
    list     = "sizes"
    match    = { size = "size" }
    monthly  = "monthly"
    currency = "currency"
  }
}

kind "disk" {
  billed           = true
  identity         = ["box_id", "slot"]
  id               = "7"
  parent           = "box"
  parent_attribute = "box_id"

  attribute "box_id" {
    type      = string
    required  = true
    refers_to = "box"
    on_change = "replace"
  }

  attribute "slot" {
    type      = number
    required  = true
    whole     = true
    on_change = "replace"
  }

  wait {
    request    = "GET /boxes/{box_id}/disks/{id}/progress"
    documented = false

    attribute "percent" {
      type = number
      read = "progress.percent"
    }

    attribute "busy" {
      type = bool
    }

    ready    = { busy = [false] }
    progress = "percent"
  }

  create {
    request    = "POST /boxes/{box_id}/disks"
    documented = true
    sends      = ["slot"]
  }

  list {
    request    = "GET /boxes/{box_id}/disks"
    documented = true
  }
}

data "plans" {
  description = "What is for sale."
  request     = "GET /plans/{region}"
  documented  = true
  rate_limit  = "reads"

  argument "region" {
    type     = string
    required = true
  }

  argument "sort" {
    type     = string
    optional = true
    one_of   = ["price", "name"]
  }

  argument "tags" {
    type     = list(string)
    optional = true
    join     = ","
    matches  = "tags"
  }

  attribute "sort" {
    type    = string
    emulate = "price"
  }

  attribute "names" {
    type = list(string)
    read = "plans"
  }
}

data "invoices" {
  request    = "GET /invoices"
  documented = true
  lists      = "invoices"

  attribute "invoices" {
    type     = list(object({ id = string, status = string, amount = number, currency = string, month = string, due = string }))
    examples = [[{ id = "1", status = "paid", amount = 12.5, currency = "EUR", month = "2025-01", due = "2025-02-01" }]]
  }
}

data "usage" {
  request    = "GET /usage"
  documented = true

  argument "month" {
    type     = string
    required = true
    one_of   = ["this", "last"]
  }

  attribute "month" {
    type = string
  }

  attribute "total" {
    type = number
  }

  attribute "currency" {
    type = string
  }

  attribute "parts" {
    type = object({ boxes = object({ cost = number }) })
  }
}

data "prices" {
  request    = "GET /prices"
  documented = true

  attribute "sizes" {
    type = list(object({ size = number, monthly = number, currency = string }))
  }
}

task "reboot" {
  description = "Starts a box again."
  on          = "box"
  request     = "POST /boxes/{id}/reboot"
  documented  = true
}
