# A host whose lists lack what only a read of one object tells.

provider "acme" {
  base_url = "https://api.acme.example/v1"

  auth "bearer" {
    token_env = "ACME_TOKEN"
  }

  error {
    code    = "code"
    message = "message"
  }

  timeout = "30s"
  grace   = "120s"
  lag     = "5s"
}

kind "box" {
  identity   = ["name"]
  id         = "1234"
  changed    = "updated_at"
  created_at = "created_at"

  attribute "name" {
    type      = string
    required  = true
    on_change = "update"
  }

  attribute "backups" {
    type           = bool
    optional       = true
    server_default = false
    detail_only    = true
    on_change      = "update"
  }

  attribute "password" {
    type      = string
    optional  = true
    sensitive = true
    readable  = false
    on_change = "update"
  }

  attribute "updated_at" {
    type     = string
    computed = true
    examples = ["2025-01-15T10:30:00Z"]
  }

  attribute "created_at" {
    type     = string
    computed = true
    examples = ["2025-01-15T10:30:00Z"]
  }

  create {
    request    = "POST /boxes"
    documented = true
    sends      = ["name", "backups", "password"]
  }

  list {
    request    = "GET /boxes"
    documented = true
  }

  read {
    request    = "GET /boxes/{id}"
    documented = true
  }

  update {
    request    = "PATCH /boxes/{id}"
    documented = true
    sends      = ["name", "backups", "password"]
  }

  delete {
    request    = "DELETE /boxes/{id}"
    documented = true
  }
}
