# A shop at three hosts, in four accounts. Try it without any of them:
#
#   vpsync -C examples/three-hosts apply --sandbox

provider "servosphere" {} # the shop; the token comes from SERVOSPHERE_API_KEY

# Another account at the same host, with a token of its own.
provider "servosphere" {
  alias     = "eu"
  token_env = "SERVOSPHERE_EU_KEY"
}

provider "vpsorg" {} # VPSORG_API_TOKEN: what works in the background
provider "evotic" {} # EVOTIC_API_TOKEN: what watches the others from outside
