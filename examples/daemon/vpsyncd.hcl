# What vpsync daemon looks after: vpsync daemon --config /etc/vpsync/vpsyncd.hcl
# Paths are meant from this file's folder. Tokens are no part of it: they come from the environment, as always.

data     = "/var/lib/vpsync" # for what comes from repositories, and its states
parallel = 4                 # stacks that are worked on at once

# The status page, the API and metrics: this machine alone reaches them, unless a proxy that asks who is there passes them on.
listen {
  address   = "127.0.0.1:8642"
  names     = ["vpsync.example.com"] # by which that proxy is called
  token_env = "VPSYNC_APPROVE_TOKEN" # approves plans
}

# Somebody is told when a stack drifts, is healed, fails or recovers: once, not at every turn.
notify "team" {
  kind    = "slack"
  url_env = "SLACK_URL"
}

notify "pager" {
  kind       = "webhook"
  url_env    = "PAGER_URL"
  secret_env = "PAGER_SECRET" # signs what it is told
}

# A folder on this machine, looked at every quarter of an hour. Nothing is changed.
stack "mail" {
  folder = "/etc/vpsync/mail"
  state  = "/var/lib/vpsync/mail.db" # otherwise in the folder, which a service may not be able to write
  mode   = "observe"
}

# A branch of a repository. The last commit that validates is in force; it is evaluated in a process of its own.
stack "web" {
  git {
    url    = "https://github.com/example/infrastructure.git"
    branch = "main"
    path   = "stacks/web"
    # The host calls /hooks/web when somebody pushes; without that it is asked every five minutes.
    webhook_secret_env = "WEB_HOOK_SECRET"
    poll               = "5m" # a tenth more or less, so that not everybody asks at the same time
  }

  # What drifted is put back with the values that were applied. What the branch asks for is not applied by itself, and what
  # takes the removal of an object is not done unless allow_destroy = true.
  mode     = "heal"
  schedule = "*/30 * * * *" # minute, hour, day of the month, month, day of the week; or @hourly, @every 90m
  zone     = "Europe/Berlin"
  jitter   = "2m" # begin up to so much later

  var_files = ["web.vars.hcl"]

  # Nothing is applied but at night, and never in the days around Christmas.
  windows {
    allow {
      opens = "0 22 * * *"
      lasts = "6h"
    }
    deny {
      opens = "0 0 23 12 *"
      lasts = "96h"
    }
  }
}

# A plan is kept ready for somebody to say yes to: vpsync approve RUN.
stack "database" {
  folder   = "/etc/vpsync/database"
  state    = "/var/lib/vpsync/database.db"
  mode     = "propose"
  schedule = "30 6 * * mon-fri"
}
