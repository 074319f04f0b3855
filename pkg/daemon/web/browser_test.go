//go:build browser

package web

import (
	"context"
	"flag"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"github.com/vpsync/vpsync/internal/hostile"
	"github.com/vpsync/vpsync/internal/matrix"
	"github.com/vpsync/vpsync/pkg/daemon"
)

var screenshots = flag.String("screenshots", "", "write pictures of the page to this folder")

// browser is a Chromium of its own, that talks to nobody but the daemon.
type browser struct {
	ctx context.Context
	t   *testing.T

	mu       sync.Mutex
	problems []string
	asked    []string // URLs
}

func start(t *testing.T) *browser {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(end)
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(late)
	b := &browser{ctx: ctx, t: t}
	require.NoError(t, chromedp.Do(ctx)) // it begins here
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded: // what the CSP stops is told here
			b.problems = append(b.problems, e.Entry.Level.String()+": "+e.Entry.Text+" "+e.Entry.URL)
		case *runtime.EventConsoleAPICalled:
			b.problems = append(b.problems, "console: "+e.Type.String())
		case *runtime.EventExceptionThrown:
			b.problems = append(b.problems, e.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			b.asked = append(b.asked, e.Request.URL)
		}
	}))
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, network.Enable, network.EnableParams{})
	return b
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

func call[P, R any](b *browser, command cdp.Command[P, R], params P) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, command, params)
	require.NoError(b.t, err)
}

// until waits for an expression of JavaScript to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	poll := chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second))
	_, err := chromedp.Run(b.ctx, poll)
	for tries := 0; tries < 10 && err != nil && strings.Contains(err.Error(), "Cannot find context"); tries++ {
		_, err = chromedp.Run(b.ctx, poll) // the browser has just put another page in its place
	}
	require.NoError(b.t, err, expression)
}

func (b *browser) sees(expression string) any {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[any](expression))
	require.NoError(b.t, err, expression)
	return v
}

// shows sets how wide the reader's screen is, and whether it is dark.
func (b *browser) shows(width, height int64, phone bool, scheme string) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: phone})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

func (b *browser) shot(name string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.MkdirAll(*screenshots, 0o700))
	require.NoError(b.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o600))
}

// clean fails on anything that the browser complained of, and on any request that went elsewhere.
func (b *browser) clean(origin string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.problems)
	require.NotEmpty(b.t, b.asked)
	for _, u := range b.asked {
		require.True(b.t, strings.HasPrefix(u, origin+"/"), u)
	}
}

func served(t *testing.T, f *fake, o Options) (origin string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, f, o) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return "http://" + l.Addr().String()
}

// Widths at which people look; the last is the smallest phone there is.
var widths = []struct {
	name          string
	width, height int64
	phone         bool
}{{"wide", 1360, 900, false}, {"narrow", 980, 800, false}, {"tablet", 820, 1100, false}, {"phone", 390, 844, true}, {"small", 320, 640, true}}

const overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`

func TestBrowser(t *testing.T) {
	const cases = 24
	matrix.Need(t, matrix.Chromium, cases)
	begun, did := time.Now(), 0
	f := newFake(rich(time.Now().Truncate(time.Second)))
	origin := served(t, f, Options{Token: allowed.Token})
	b := start(t)

	// Every page, at every width, light and dark: nothing to scroll sideways.
	for _, path := range []string{"/", "/stacks/shop"} {
		for _, w := range widths {
			for _, scheme := range []string{"light", "dark"} {
				b.shows(w.width, w.height, w.phone, scheme)
				b.run(chromedp.Navigate(origin + path))
				b.until(`document.getElementById("live").dataset.live === "on"`)
				require.LessOrEqual(t, b.sees(overflow), 0.0, "%s at %d", path, w.width)
				b.shot(map[string]string{"/": "overview"}[path] + map[string]string{"/stacks/shop": "stack"}[path] + "-" + w.name + "-" + scheme)
				did++
			}
		}
	}
	b.until(`document.querySelector(".graph img").naturalWidth > 100`)

	// A change arrives by itself, while what somebody writes stays.
	b.shows(1360, 900, false, "light")
	b.run(chromedp.Navigate(origin+"/stacks/shop"), chromedp.WaitVisible(chromedp.CSS("form.ask")), chromedp.SendKeys(chromedp.CSS("#who"), "Ada"))
	f.change(func(s *daemon.Snapshot) {
		s.Now = time.Now()
		r := *s.Stacks[1].Report
		r.Drifted = append([]daemon.Drift{{Address: "server.late", Attribute: "plan", Was: `"a"`, Is: `"<b>b</b>"`, Mode: daemon.Heal, Since: s.Now}}, r.Drifted...)
		s.Stacks[1].Report = &r
	})
	b.until(`document.getElementById("drift").textContent.includes("server.late")`)
	require.Equal(t, "Ada", b.sees(`document.getElementById("who").value`))
	did++

	// The countdown runs.
	before := b.sees(`document.querySelector(".facts .count time").textContent`)
	b.until(`document.querySelector(".facts .count time").textContent !== ` + quoteJS(before.(string)))
	did++

	// Approving: refused with another token, then done, and the page shows it.
	b.clean(origin)
	b.run(chromedp.SendKeys(chromedp.CSS("#token"), "not the token"), chromedp.Click(chromedp.CSS("form.ask button")))
	b.until(`document.querySelector("form.ask [role=status]").textContent.startsWith("Refused: the token")`)
	b.shot("refused")
	b.run(chromedp.SetValue(chromedp.CSS("#token"), allowed.Token), chromedp.Click(chromedp.CSS("form.ask button")))
	b.until(`!document.querySelector("form.ask") && document.querySelector(".facts .count").textContent === "running"`)
	approved, _ := f.said()
	require.Equal(t, []string{"r-20261121-1216-a41c", "Ada"}, approved)
	did++

	// The browser tells of the refusal itself, as it must.
	b.mu.Lock()
	require.Len(t, b.problems, 1)
	require.Contains(t, b.problems[0], "401")
	b.problems = nil
	b.mu.Unlock()
	b.clean(origin)

	// Without JavaScript the page is whole: it says the command.
	f.change(func(s *daemon.Snapshot) { *s = rich(time.Now()) })
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(origin + "/stacks/shop"))
	text, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("main")))
	require.NoError(t, err)
	require.Contains(t, text, "vpsync approve r-20261121-1216-a41c")
	require.Contains(t, text, "server.web")
	require.NotContains(t, text, "Token")
	b.clean(origin)
	did++
	matrix.Ran(t, "page", did, begun)
}

// TestBrowserHostile: what would act in a page does not, in a real one.
func TestBrowserHostile(t *testing.T) {
	matrix.Need(t, matrix.Chromium, 1)
	f := newFake(filled(strings.Join(hostile.Texts[:20], " ")))
	origin := served(t, f, Options{})
	b := start(t)
	call(b, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}) // so that the policy is not what stops it
	b.shows(390, 844, true, "light")
	b.run(chromedp.Navigate(origin + "/"))
	b.until(`document.getElementById("live").dataset.live === "on"`)
	require.LessOrEqual(t, b.sees(overflow), 0.0)
	b.shot("hostile")
	f.change(func(s *daemon.Snapshot) { s.Stacks[0].Error += " again" })
	b.until(`document.getElementById("waiting").textContent.includes(" again")`)
	require.Equal(t, false, b.sees(`!!document.querySelector("iframe, base, style, body script, [onload], [onerror]")`))
	b.clean(origin)
}

func quoteJS(s string) string { return "`" + s + "`" }
