package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/spec"
)

// TestTrustedHosts: an entry is one host at one port, however it is written, and nothing else passes for it.
func TestTrustedHosts(t *testing.T) {
	for _, c := range []struct {
		trusted, base string
		want          bool
	}{
		{"api.acme.example", "https://api.acme.example/v1", true},
		{"api.acme.example:443", "https://api.acme.example/v1", true},
		{"other.example, API.acme.example. ", "https://api.ACME.example:443", true},
		{"127.0.0.1:80", "http://127.0.0.1/", true},
		{"[::1]:8080", "http://[::1]:8080", true},
		{"", "https://api.acme.example", false},
		{",", "https://api.acme.example", false},
		{"*", "https://api.acme.example", false},
		{"acme.example", "https://api.acme.example", false},
		{"api.acme.example", "https://api.acme.example.evil.example", false},
		{"api.acme.example", "https://evil.example/api.acme.example", false},
		{"api.acme.example", "https://api.acme.example:8443", false},
		{"https://api.acme.example", "https://api.acme.example", false},
		{"127.0.0.1", "http://127.0.0.1:8080", false},
		{"localhost:8080", "http://127.0.0.1:8080", false},
	} {
		a := &app{env: map[string]string{trustedHosts: c.trusted}}
		err := a.mayTalkTo(spec.ProviderBlock{Name: "acme"}, c.base)
		require.Equal(t, c.want, err == nil, "%q and %s", c.trusted, c.base)
		if err != nil {
			var told *remedyError
			require.True(t, errors.As(err, &told))
			require.Contains(t, told.remedy, "export VPSYNC_TRUSTED_HOSTS=")
		}
	}
}

// TestOwnNames: no name of a definition of one's own reaches into another's variables.
func TestOwnNames(t *testing.T) {
	for name, want := range map[string]bool{
		"acme": true, "acme_eu": true, "servo": true, "servospheres": true, "vpsyncer": true,
		"": false, "Acme": false, "9": false, "a-b": false, "аcme": false, "acme\u200b": false,
		"servosphere": false, "SERVOSPHERE": false, "servosphere_": false, "servosphere_api": false, "ſervosphere": false,
		"vpsync": false, "vpsync_state": false,
	} {
		problem, _ := unusableName(name)
		require.Equal(t, want, problem == "", "%q: %s", name, problem)
	}
}
