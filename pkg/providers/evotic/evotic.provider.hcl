# evotic, API version 1, as vpsync speaks it.
#
# An operation with documented = false is not printed on the vendor's page as it is here: it was settled by inference.
# If your account answers 404 to one, correct its line here.
#
# emulate and catalog tell the sandbox what the API does by itself; nothing of them is ever sent.

provider "evotic" {
  title    = "evotic"
  base_url = "https://evotic.io/api/v1"
  encoding = "form" # name=web&cpu=1, and a list as initialCommands[]=...

  auth "bearer" {
    token_env = "EVOTIC_API_TOKEN"
  }

  # {"type": "invalid_request", "message": "...", "documentation_url": "..."}
  error {
    code    = "type"
    message = "message"
    codes = {
      "400" = "invalid_request", "401" = "api_error", "404" = "invalid_request", "422" = "invalid_request"
      "429" = "api_error", "500" = "api_error"
    }
    emulate = { documentation_url = "https://evotic.io/docs" }
  }

  # A list is a bare array, and all there is.
  paging "none" {}

  timeout = "30s"  # of one request
  grace   = "120s" # how late a request without an answer may still take effect
  lag     = "5s"   # how long a list may miss what was just written
}

kind "server" {
  description = "A virtual server. Nothing of one can be changed: a change replaces it."
  holds_data  = true
  billed      = true
  identity    = ["name", "cpu", "ram", "disk"]
  id          = "1"

  attribute "name" {
    description = "Host name of the server. Names are not unique."
    type        = string
    required    = true
    read        = "hostname"
    on_change   = "replace"
    examples    = ["srv-evotic"]
  }

  attribute "location_id" {
    description = "Id of the location."
    type        = number
    required    = true
    whole       = true
    readable    = false
    on_change   = "replace"
    catalog     = [1, 2, 3] # the sandbox has these
  }

  attribute "os_id" {
    description = "Id of the operating system that is installed."
    type        = number
    required    = true
    whole       = true
    readable    = false
    on_change   = "replace"
    catalog     = [1, 2, 3]
  }

  attribute "password" {
    description = "Password of root on a new server. It is sent and kept nowhere."
    type        = string
    required    = true
    sensitive   = true
    readable    = false
    on_change   = "next_create"
  }

  attribute "initial_commands" {
    description = "Commands that a new server carries out once it is installed."
    type        = list(string)
    optional    = true
    readable    = false
    sent_as     = "initialCommands"
    on_change   = "next_create"
    examples    = [["apt-get update"]]
  }

  attribute "uuid" {
    type     = string
    computed = true
    examples = ["74614dff-9c08-55ee-9b2f-01a3b405039a"]
  }

  attribute "status" {
    description = "started, stopped, paused, or what the server is busy with."
    type        = string
    computed    = true
    examples    = ["started"]
  }

  attribute "node" {
    description = "The machine that it runs on."
    type        = string
    computed    = true
    examples    = ["srv-compute-01"]
  }

  attribute "os" {
    description = "Name of the operating system."
    type        = string
    computed    = true
    examples    = ["Ubuntu 22.04"]
  }

  attribute "cpu" {
    description = "Number of cores."
    type        = number
    required    = true
    whole       = true
    min         = 1
    read        = "specifications.cpu"
    on_change   = "replace"
    examples    = [1]
  }

  attribute "ram" {
    description = "Memory in MB."
    type        = number
    required    = true
    whole       = true
    min         = 1
    read        = "specifications.ram"
    on_change   = "replace"
    examples    = [2048]
  }

  attribute "disk" {
    description = "Disk in GB."
    type        = number
    required    = true
    whole       = true
    min         = 1
    read        = "specifications.disk"
    on_change   = "replace"
    examples    = [20]
  }

  attribute "ip_addresses" {
    type     = list(object({ ip = string, is_primary = bool }))
    computed = true
    examples = [[{ ip = "192.0.2.10", is_primary = true }]]
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2023-11-03T18:23:02.000000Z"]
  }

  created_at = "created_at"

  emulate = {
    usage = {
      cpu  = 0
      disk = 17.1
      ram  = 1456
      traffic = {
        incoming = { value = 3930800510, prev = 213530096, is_exceeded = false }
        outgoing = { value = 1467085038, prev = 158715701, is_exceeded = false }
      }
    }
  }

  # Whether a server is ready, and how far it has come, is told by a request of its own. The page prints /servers/{id}.
  wait {
    request    = "GET /servers/{id}/status"
    documented = false

    attribute "status" {
      description = "What the server is busy with, in words."
      type        = string
      examples    = ["started"]
    }

    attribute "real_status" {
      type     = string
      examples = ["started"]
    }

    attribute "is_processing" {
      type     = bool
      examples = [false]
    }

    attribute "progress" {
      description = "In percent."
      type        = number
    }

    pending  = { status = ["installing"], real_status = ["stopped"], is_processing = [true] }
    ready    = { real_status = ["started"], is_processing = [false] }
    says     = "status"
    progress = "progress"
    every    = "5s"
    timeout  = "30m"
  }

  create {
    request    = "POST /servers" # the page's sample prints /servers/1, a slip
    documented = false
    sends      = ["name", "location_id", "os_id", "password", "initial_commands", "cpu", "ram", "disk"]
    note       = "Creating a server charges the account at evotic with its cost."
  }

  list {
    request    = "GET /servers"
    documented = true
  }

  read {
    request    = "GET /servers/{id}"
    documented = true
  }

  delete {
    request    = "DELETE /servers/{id}"
    documented = true
    emulate    = { message = "Deleted" }
  }
}
