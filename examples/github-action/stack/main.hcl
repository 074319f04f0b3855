# The state is a reference of this repository's remote: nobody owns a machine for it.
state {
  backend = "git"
}

provider "servosphere" {}
