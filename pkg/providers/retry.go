package providers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Bounds of repetition. A read is tried a few times; a 429 is waited out a little longer, since the API promised
// room.
const (
	maxTries     = 4
	maxRefusals  = 8                // answers of 429 to one request
	maxHold      = 65 * time.Minute // an hour's window and some skew; longer is for the operator to decide
	firstBackoff = 500 * time.Millisecond
	lastBackoff  = 30 * time.Second
)

// retry repeats what is safe to repeat: reads whatever went wrong on the way; writes only where the earlier attempt
// never left, or was refused with 429. A write of unknown outcome is never repeated here.
func retry(next handler, clock Clock, jitter func() float64, notice func(string, time.Time)) handler {
	return func(ctx context.Context, r *request) (*answer, error) {
		tries, refused := 0, 0
		for {
			a, err := next(ctx, r)
			var e *Error
			if err == nil || !errors.As(err, &e) || e.final || ctx.Err() != nil {
				return a, err
			}
			var wait time.Duration
			switch {
			case e.Status == http.StatusTooManyRequests:
				if refused++; e.inRow > 0 { // others may have had room meanwhile: it is this one's turn later
					refused = e.inRow
				}
				if refused >= maxRefusals || e.RetryAfter > maxHold {
					return nil, err
				}
				if wait = e.RetryAfter; wait == 0 {
					wait = backoff(refused, jitter)
				}
				notice(r.class(), clock.Now().Add(wait))
			case e.Outcome == NotSent, e.Outcome == Unknown && !r.write() && !redirected(e):
				if tries++; tries >= maxTries {
					return nil, err
				}
				wait = backoff(tries, jitter)
			default:
				return nil, err
			}
			if clock.Sleep(ctx, wait) != nil {
				return nil, err // what happened tells more than that somebody stopped waiting
			}
		}
	}
}

func redirected(e *Error) bool { return e.Status >= 300 && e.Status < 400 }

// backoff is the wait before the n-th repetition: twice as long each time, of which a random half is left out so that
// requests that failed together do not return together.
func backoff(n int, jitter func() float64) time.Duration {
	d := min(firstBackoff<<min(n-1, 16), lastBackoff)
	return d/2 + time.Duration(jitter()*float64(d)/2)
}

// retryAfter is how long a 429 asks to wait. Given is false where it does not say.
type retryAfter struct {
	duration time.Duration
	given    bool
	inRow    int // refusals of the class that did not say, and no other answer between; 0 where this one said
}

// readRetryAfter reads Retry-After (seconds or an HTTP date), else the rate-limit reset header (Unix seconds).
func readRetryAfter(h http.Header, resetHeader string, now time.Time) retryAfter {
	if s := strings.TrimSpace(h.Get("Retry-After")); s != "" {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 {
			return retryAfter{duration: atLeast(time.Duration(min(n, 1<<32)) * time.Second), given: true}
		}
		if t, err := http.ParseTime(s); err == nil {
			return retryAfter{duration: atLeast(t.Sub(now)), given: true}
		}
	}
	if n, ok := headerNumber(h, resetHeader); ok {
		if d := time.Unix(n, 0).Sub(now); d > 0 {
			return retryAfter{duration: d, given: true}
		}
	}
	return retryAfter{}
}

// atLeast a second: a zero or past date must not make a storm of requests.
func atLeast(d time.Duration) time.Duration { return max(d, time.Second) }
