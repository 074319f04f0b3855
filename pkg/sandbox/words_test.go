package sandbox

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
)

// lamps is an API with words of its own, operations that share a path, and one that carries a value in it.
const lamps = `
provider "lamps" {
  title    = "Lamps"
  base_url = "https://lamps.example.net"
  auth "bearer" {
    token_env = "LAMPS_KEY"
  }
  error {
    code    = "code"
    message = "message"
  }
  answer = [""]
}

kind "lamp" {
  description = "A lamp."
  identity    = ["label"]
  id          = "lamp1"

  attribute "label" {
    type      = string
    required  = true
    pattern   = "[a-z]+"
    sent_as   = "hostname"
    read      = "name"
    on_change = "update"
  }
  attribute "hue" {
    type      = string
    optional  = true
    one_of    = ["warm", "cold"]
    sends_as  = { warm = "W", cold = "C" }
    reads_as  = { warm = "Warm white", cold = "Cold white" }
    on_change = "update"
  }
  attribute "level" {
    type      = number
    optional  = true
    on_change = "dim"
  }
  attribute "power" {
    type           = string
    optional       = true
    one_of         = ["on", "off"]
    sends_as       = { on = "start", off = "stop" }
    server_default = "on"
    on_change      = "power"
  }
  attribute "channel" {
    type      = number
    optional  = true
    computed  = true
    whole     = true
    min       = 1
    max       = 3
    on_change = "replace"
    examples  = [2]
  }

  create {
    request    = "POST /lamps"
    documented = true
    sends      = ["label", "hue", "channel"]
    success    = 201
  }
  list {
    request    = "GET /lamps"
    documented = true
  }
  update {
    request    = "PATCH /lamps/{id}"
    documented = true
    sends      = ["label", "hue"]
  }
  operation "dim" {
    request    = "PATCH /lamps/{id}"
    documented = true
    sends      = ["level"]
  }
  operation "power" {
    request    = "POST /lamps/{id}/{power}"
    documented = true
  }
}

data "consumption" {
  description = "Used so far."
  request     = "GET /consumption"
  documented  = true
  attribute "watts" {
    type = number
  }
}

task "flash" {
  description = "Flashes."
  on          = "lamp"
  request     = "POST /lamps/{id}/actions/flash"
  documented  = true
}
`

func TestWordsAreTheAPIs(t *testing.T) {
	w := worldOf(t, lamps)
	r := w.do("POST", "/lamps", `{"hostname":"desk","hue":"W"}`).want(201)
	require.JSONEq(t, `{"id":"lamp1000000001","name":"desk","hue":"Warm white","power":"on","channel":2}`, r.Body)
	require.Equal(t, cty.StringVal("warm"), must(w.Objects("lamp"))[0].Values["hue"])
	for _, wrong := range []string{"warm", "Warm white", "X"} {
		w.do("POST", "/lamps", `{"hostname":"desk","hue":"`+wrong+`"}`).want(400)
	}
	require.Contains(t, w.do("POST", "/lamps", `{"hostname":"desk","hue":"X"}`).text("message"), "one of W, C")
	require.Contains(t, w.do("POST", "/lamps", `{"hostname":"desk 1"}`).want(400).text("message"), "must match")
	require.Contains(t, w.do("POST", "/lamps", `{"label":"desk"}`).want(400).text("message"), "hostname is required")

	for _, channel := range []float64{3, 1, 2} {
		require.Equal(t, channel, w.do("POST", "/lamps", `{"hostname":"a"}`).want(201).at("channel"), "numbers go round within their bounds")
	}
}

func TestOperationsThatShareAPath(t *testing.T) {
	w := worldOf(t, lamps)
	w.do("POST", "/lamps", `{"hostname":"desk"}`).want(201)
	require.Equal(t, 7.0, w.do("PATCH", "/lamps/lamp1000000001", `{"level":7}`).want(200).at("level"))
	require.Equal(t, "lamp.dim", w.last().Operation)
	require.Equal(t, "wall", w.do("PATCH", "/lamps/lamp1000000001", `{"hostname":"wall"}`).want(200).at("name"))
	require.Equal(t, "lamp.update", w.last().Operation)
	w.do("PATCH", "/lamps/lamp1000000001", `{"hostname":"wall","level":1}`).want(400)
}

func TestValueInThePath(t *testing.T) {
	w := worldOf(t, lamps)
	w.do("POST", "/lamps", `{"hostname":"desk"}`).want(201)
	require.Equal(t, "off", w.do("POST", "/lamps/lamp1000000001/stop", "").want(200).at("power"))
	require.Equal(t, "on", w.do("POST", "/lamps/lamp1000000001/start", `{}`).want(200).at("power"))
	w.do("POST", "/lamps/lamp1000000001/explode", "").want(404)
	w.do("POST", "/lamps/lamp9/stop", "").want(404)
}

func TestWhatIsNotEmulatedSaysSo(t *testing.T) {
	w := worldOf(t, lamps)
	require.Contains(t, w.do("POST", "/lamps/lamp1/actions/flash", "").want(404).text("message"), "does not emulate tasks such as flash")
}
