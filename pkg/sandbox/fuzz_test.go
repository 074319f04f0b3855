package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/pkg/providers/servosphere"
)

// FuzzRequest sends arbitrary requests: none panics, none is answered with a failure of the server's own, and each answer of
// JSON is JSON.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/v2/servers?page=1&limit=100", "", "")
	f.Add("POST", "/servers", "application/json", serverBody)
	f.Add("POST", "/servers", "application/json", `{"name":{"a":[1e400]},"ssh_keys":[[]]}`)
	f.Add("POST", "/storage/volumes", "application/json", volumeBody)
	f.Add("POST", "/monitoring/alerts", "application/json", `{"name":"n","metric":"cpu","threshold":1e-99999999,"condition":"less_than"}`)
	f.Add("POST", "/storage/volumes/vol_1000000001/attach", "application/json", `{"server_id":"srv_1000000001"}`)
	f.Add("PUT", "/networks/net_1000000001", "application/json", `{"gateway":"::1","dns_servers":[]}`)
	f.Add("PUT", "/firewall/rules/fw_1000000001", "application/json", ruleBody)
	f.Add("DELETE", "/servers/%2e%2e", "text/plain", "\x00")
	f.Add("POST", "/boxes", "application/x-www-form-urlencoded", "label=a&cores=0x1p-2&tags[]=%ff")
	f.Add("POST", "/backups/schedules", "application/json", `{"name":"n","server_id":"srv_1000000001","cron":"TZ= * * * *"}`)
	f.Add("GET", "/boxes?after=LTk5OTk5OTk5OTk5OTk5", "", "")
	worlds := []*world{
		newWorld(f, unlimited),
		worldOf(f, acme(`encoding = "form"`, `paging "cursor" {
			page_parameter = "after"
			page_size      = 10
			items          = "boxes"
			next           = "meta.next"
		}`), unlimited),
	}
	for _, w := range worlds {
		w.do("POST", "/servers", serverBody)
		w.do("POST", "/storage/volumes", volumeBody)
		w.do("POST", "/networks", networkBody)
		w.do("POST", "/firewall/rules", ruleBody)
	}
	f.Fuzz(func(t *testing.T, method, path, contentType, body string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Skip()
		}
		for _, w := range worlds {
			r := &http.Request{Method: method, URL: u, Host: "api.example.net", Header: http.Header{}, Body: http.NoBody}
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", contentType)
			if body != "" {
				r.Body = readCloser(body)
			}
			answer := httptest.NewRecorder()
			w.ServeHTTP(answer, r.WithContext(t.Context()))
			require.Less(t, answer.Code, 500)
			if answer.Body.Len() > 0 {
				require.True(t, json.Valid(answer.Body.Bytes()))
			}
		}
	})
}

// FuzzStore opens a store of arbitrary bytes: it is refused or usable, and never panics.
func FuzzStore(f *testing.F) {
	dir := f.TempDir()
	w := newWorld(f, keptIn(dir))
	w.fill()
	f.Add(must(os.ReadFile(filepath.Join(dir, "servosphere.jsonl"))))
	f.Add([]byte("{\"sandbox\":\"servosphere\",\"format\":1}\n{\"put\":[null]}\n"))
	f.Add([]byte("{\"sandbox\":\"servosphere\",\"format\":1}\n{\"past\":[{\"before\":null}],\"gone\":[{}]}\n"))
	def := decodeDefinition(f, string(servosphere.Source))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "servosphere.jsonl"), data, 0o600))
		s, err := Open(def, Options{Dir: dir, Token: token, Unlimited: true})
		if err != nil {
			return
		}
		_, err = s.Objects("")
		require.NoError(t, err)
		_, err = s.Create("server", serverValues("a"))
		require.NoError(t, err)
		require.NoError(t, s.Close())
	})
}

func unlimited(o *Options) { o.Unlimited = true }

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }

func readCloser(s string) body { return body{bytes.NewReader([]byte(s))} }
