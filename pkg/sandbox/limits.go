package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// count takes one request off the class's budget and tells the budget in the headers. Windows are fixed: they
// begin at whole multiples of their length, whoever asks first.
func (c *call) count(class string) *problem {
	limit, ok := c.model.def.Schema.RateLimits[class]
	if c.options.Unlimited || !ok || limit.Requests <= 0 || limit.Per <= 0 {
		return nil
	}
	start := c.now.Truncate(limit.Per)
	w := c.state.limits[class]
	if !w.Start.Equal(start) {
		w = window{Start: start}
	}
	refused := w.Used >= limit.Requests
	if !refused {
		w.Used++
		c.record.Limits = map[string]window{class: w}
	}
	names := c.model.def.Headers
	setHeader(c.header, names.Limit, limit.Requests)
	setHeader(c.header, names.Remaining, limit.Requests-w.Used)
	setHeader(c.header, names.Reset, int(ceilSecond(start.Add(limit.Per)).Unix()))
	if !refused {
		return nil
	}
	return &problem{
		status: http.StatusTooManyRequests, code: "RATE_LIMITED",
		message: "Too many requests: " + strconv.Itoa(limit.Requests) + " are allowed in " + limit.Per.String(),
	}
}

// ceilSecond is the first whole second at which a window has ended.
func ceilSecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

func setHeader(h http.Header, name string, n int) {
	if name != "" {
		h.Set(name, strconv.Itoa(n))
	}
}
