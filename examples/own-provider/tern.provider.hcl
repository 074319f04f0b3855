# Tern DNS: an invented host, described as a user would describe theirs. Nothing of it is known to vpsync but this page.

provider "tern" {
  title    = "Tern DNS"
  base_url = "https://dns.tern.example/v3"

  auth "header" {
    token_env = "TERN_API_KEY"
    name      = "X-Tern-Key"
  }

  error {
    code    = "fault.name"
    message = "fault.text"
  }

  answer = ["zone", "record"] # where an answer holds the object

  paging "cursor" {
    page_parameter  = "after"
    limit_parameter = "count"
    page_size       = 50
    items           = "entries"
    next            = "more"
  }

  rate_limit "standard" {
    requests = 600
    per      = "1m"
  }

  lag = "0s" # a list shows at once what was written
}

kind "zone" {
  description = "A domain that Tern answers for."
  identity    = ["origin"]
  id          = "zn_101"
  id_path     = "handle"
  created_at  = "created_at"

  attribute "origin" {
    description = "The domain, without a final dot."
    type        = string
    required    = true
    equal       = "case"
    on_change   = "replace"
    examples    = ["example.org"]
  }

  attribute "contact" {
    description = "Who is responsible: an address of mail."
    type        = string
    required    = true
    on_change   = "update"
    examples    = ["hostmaster@example.org"]
  }

  attribute "ttl" {
    description    = "Seconds that an answer may be kept, where a record says nothing else."
    type           = number
    optional       = true
    whole          = true
    min            = 60
    max            = 86400
    server_default = 3600
    sent_as        = "default_ttl"
    read           = "default_ttl"
    on_change      = "update"
    on_remove      = "default"
  }

  attribute "transfer_to" {
    description    = "Who may copy the whole zone: addresses, in no order."
    type           = set(string)
    optional       = true
    format         = "ip"
    server_default = []
    on_change      = "update"
    on_remove      = "default"
  }

  attribute "note" {
    description = "A few words for people."
    type        = string
    optional    = true
    on_change   = "update"
    on_remove   = "clear"
  }

  attribute "nameservers" {
    type     = list(string)
    computed = true
    examples = [["a.tern.example", "b.tern.example"]]
  }

  attribute "state" {
    type     = string
    computed = true
    examples = ["serving"]
  }

  attribute "created_at" {
    type     = string
    computed = true
  }

  create {
    request    = "POST /zones"
    documented = true
    sends      = ["origin", "contact", "ttl", "transfer_to", "note"]
    success    = 201
  }

  list {
    request    = "GET /zones"
    documented = true
  }

  read {
    request    = "GET /zones/{id}"
    documented = true
  }

  # It replaces the whole: what the configuration does not manage is sent as it is.
  update {
    request    = "PUT /zones/{id}"
    documented = true
    sends      = ["contact", "ttl", "transfer_to", "note"]
    whole      = true
  }

  # It is accepted at once and takes a while. A zone that still has records is refused.
  delete {
    request    = "DELETE /zones/{id}"
    documented = true
    success    = 202

    wait {
      leaving = { state = ["leaving"] }
      every   = "1s"
      timeout = "10m"
    }
  }
}

kind "record" {
  description = "What a zone answers for one name and type."
  identity    = ["zone_id", "label", "type"]
  id          = "7" # counted in each zone: zn_101/7 is what the account knows it by
  id_path     = "number"

  parent           = "zone"
  parent_attribute = "zone_id"

  attribute "zone_id" {
    description = "The zone that it is in."
    type        = string
    required    = true
    refers_to   = "zone"
    on_change   = "replace"
  }

  attribute "label" {
    description = "The name before the zone's; @ is the zone itself."
    type        = string
    required    = true
    pattern     = "@|[a-z0-9_*.-]+"
    on_change   = "replace"
    examples    = ["www"]
  }

  attribute "type" {
    type      = string
    required  = true
    one_of    = ["A", "AAAA", "CNAME", "MX", "TXT"]
    on_change = "replace"
  }

  attribute "values" {
    description = "What is answered: all of them, in no order."
    type        = set(string)
    required    = true
    on_change   = "update"
    examples    = [["192.0.2.10"]]
  }

  attribute "ttl" {
    type      = number
    optional  = true
    whole     = true
    min       = 60
    max       = 86400
    on_change = "update"
    on_remove = "clear"
  }

  attribute "note" {
    type      = string
    optional  = true
    on_change = "update"
    on_remove = "clear"
  }

  attribute "state" {
    type     = string
    computed = true
    examples = ["serving"]
  }

  create {
    request    = "POST /zones/{zone_id}/records"
    documented = true
    sends      = ["label", "type", "values", "ttl", "note"]
    success    = 201
  }

  list {
    request    = "GET /zones/{zone_id}/records"
    documented = true
  }

  read {
    request    = "GET /zones/{zone_id}/records/{id}"
    documented = true
  }

  update {
    request    = "PUT /zones/{zone_id}/records/{id}"
    documented = true
    sends      = ["values", "ttl", "note"]
    whole      = true
  }

  delete {
    request    = "DELETE /zones/{zone_id}/records/{id}"
    documented = false # found by trying
    success    = 202

    wait {
      leaving = { state = ["leaving"] }
      every   = "1s"
      timeout = "10m"
    }
  }
}
