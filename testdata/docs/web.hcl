server "web" {
  name     = "web"
  plan     = "vps-small"
  location = "AMS"
}
