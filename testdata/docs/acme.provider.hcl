# A host of DNS zones that does not exist, for the manual's pages about attributes that are objects.

provider "acme" {
  title    = "Acme DNS"
  base_url = "https://api.acme.example/v1"
  encoding = "json"

  auth "bearer" {
    token_env = "ACME_API_KEY"
  }

  error {
    code    = "error.code"
    message = "error.message"
  }

  answer = ["data", ""]

  paging "page" {
    page_parameter  = "page"
    limit_parameter = "limit"
    page_size       = 100
    items           = "data"
    page_count      = "pages"
    page_number     = "page"
    page_limit      = "limit"
    total           = "total"
  }

  rate_limit "standard" {
    requests = 1000
    per      = "1h"
    default  = true
  }

  timeout = "30s"
  grace   = "60s"
  lag     = "1s"
}

kind "zone" {
  description = "A domain and its records."
  identity    = ["name"]
  id          = "zone_1234567890"

  attribute "name" {
    type      = string
    required  = true
    on_change = "replace"
  }

  attribute "record" {
    type      = list(object({ name = string, type = string, value = string }))
    optional  = true
    on_change = "update"
  }

  create {
    request    = "POST /zones"
    documented = true
    sends      = ["name", "record"]
    success    = 201
  }

  list {
    request    = "GET /zones"
    documented = true
  }

  update {
    request    = "PUT /zones/{id}"
    documented = true
    sends      = ["record"]
  }

  delete {
    request    = "DELETE /zones/{id}"
    documented = true
    success    = 204
  }
}
