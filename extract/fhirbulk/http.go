package fhirbulk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

const (
	tries        = 6                // of one request that fails for a passing reason
	patience     = 30 * time.Minute // of one request, waiting included
	firstWait    = time.Second
	longestWait  = 5 * time.Minute // between two tries
	longestAfter = time.Hour       // what Retry-After may ask for
	maxRedirects = 5
	maxOutcome   = 1 << 20  // bytes of an answer that is an error
	maxManifest  = 64 << 20 // bytes of a manifest: about 200,000 files
)

var errStalled = errors.New("the server sent nothing for too long")

// client sends requests: with a token where one belongs, to hosts that are
// allowed, again where another try may help.
type client struct {
	http  *http.Client
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	log   *slog.Logger

	home   string          // origin of the configured server
	hosts  map[string]bool // hosts besides it that files may come from
	plain  bool            // http is allowed
	stall  time.Duration
	tokens *tokens // nil: the server asks for none
}

// call is one request.
type call struct {
	what   string // for people: "kick-off", "status"
	method string
	url    string
	body   []byte
	header http.Header
	token  reach // where the access token may go
	within time.Duration
}

// reach is how far the access token goes.
type reach uint8

const (
	nowhere reach = iota // the request carries none
	atHome               // to the configured server only
	atHosts              // to the hosts that the configuration lists too
)

// reply is an answer that is not worth another try: a success, or a refusal.
type reply struct {
	*http.Response
	call   call
	bearer string // the token that went with it
}

// do sends k until there is an answer that another try would not change. The
// caller closes the body.
func (c *client) do(ctx context.Context, k call) (*reply, error) {
	if err := c.mayReach(k.url); err != nil {
		return nil, err
	}
	k.within = either(k.within, patience)
	var waited time.Duration
	refreshed := false
	for try := 1; ; {
		r, err := c.once(ctx, k)
		if err == nil && r.StatusCode == http.StatusUnauthorized && r.bearer != "" && !refreshed {
			_ = r.Body.Close()
			c.tokens.drop(r.bearer)
			refreshed = true
			continue
		}
		if err == nil && !passing(r.StatusCode) {
			return r, nil
		}
		if err != nil && (ctx.Err() != nil || !errors.Is(err, dose.ErrUpstream)) {
			return nil, err
		}
		wait, asked := backoff(try), false
		if err == nil {
			if after, ok := retryAfter(r.Header, c.now()); ok {
				wait, asked = after, true
			}
			err = r.refuse()
		}
		if waited += wait; waited > k.within || (!asked && try >= tries) || try >= 10*tries {
			return nil, err
		}
		c.log.Debug("asking again", "what", k.what, "wait", wait, "error", err)
		if err := c.sleep(ctx, wait); err != nil {
			return nil, err
		}
		try++
	}
}

// passing says whether a status may be another one soon.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// once sends k once, and follows redirects of a GET. Authorization goes no
// further than the origin it was meant for.
func (c *client) once(ctx context.Context, k call) (*reply, error) {
	target, bearer := k.url, ""
	if c.tokens != nil && (k.token == atHosts || k.token == atHome && origin(target) == c.home) {
		t, err := c.tokens.get(ctx, c)
		if err != nil {
			return nil, err
		}
		bearer = t
	}
	for range maxRedirects + 1 {
		r, err := c.send(ctx, k, target, bearer)
		if err != nil {
			return nil, err
		}
		if r.StatusCode < 300 || r.StatusCode > 399 || k.method != http.MethodGet {
			return r, nil
		}
		next, err := r.Location()
		_ = r.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %s redirects to nowhere: %w", k.what, redacted(target), dose.ErrInvalid)
		}
		if err := c.mayReach(next.String()); err != nil {
			return nil, fmt.Errorf("%s is redirected: %w", k.what, err)
		}
		if origin(next.String()) != origin(target) {
			bearer = ""
		}
		target = next.String()
	}
	return nil, fmt.Errorf("%s: %s: more than %d redirects: %w", k.what, redacted(k.url), maxRedirects, dose.ErrInvalid)
}

func (c *client) send(ctx context.Context, k call, target, bearer string) (*reply, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.stall, func() { cancel(errStalled) })
	fail := func(err error) (*reply, error) {
		timer.Stop()
		cancel(nil)
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, bytes.NewReader(k.body))
	if err != nil {
		return fail(fmt.Errorf("%s: %s is no address: %w", k.what, redacted(target), dose.ErrInvalid))
	}
	for name, v := range k.header {
		req.Header[name] = v
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fail(c.broken(ctx, k, err))
	}
	timer.Reset(c.stall)
	resp.Body = &watched{resp.Body, timer, c.stall, cancel, func(err error) error { return c.broken(ctx, k, err) }}
	return &reply{resp, k, bearer}, nil
}

// broken says why no answer, or no whole answer, came. The text of a URL error
// holds the URL with its query: only what is inside is used.
func (c *client) broken(ctx context.Context, k call, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		err = errStalled
	} else if cause != nil {
		return cause
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%s: %s: %w: %w", k.what, redacted(k.url), dose.ErrUpstream, err)
}

// watched is a body that gives up when the server falls silent.
type watched struct {
	io.ReadCloser
	timer  *time.Timer
	stall  time.Duration
	cancel context.CancelCauseFunc
	broken func(error) error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.timer.Reset(w.stall)
	if err != nil && err != io.EOF {
		err = w.broken(err)
	}
	return n, err
}

func (w *watched) Close() error {
	w.timer.Stop()
	err := w.ReadCloser.Close()
	w.cancel(nil)
	return err
}

// mayReach refuses addresses that neither the configured server nor hosts
// name. A manifest or a redirect can't lead dosebook, or a token, elsewhere.
func (c *client) mayReach(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return fmt.Errorf("the server names an address that is none: %w", dose.ErrInvalid)
	}
	if origin(address) == c.home {
		return nil
	}
	if u.Scheme != "https" && !(c.plain && u.Scheme == "http") {
		return fmt.Errorf("the server names %s, which is not https: %w", redacted(address), dose.ErrInvalid)
	}
	if !c.hosts[hostPort(address)] {
		return fmt.Errorf("the server names %s, and host %s is not allowed: if it is the registry's, add it to hosts: %w", redacted(address), u.Host, dose.ErrInvalid)
	}
	return nil
}

// origin is scheme, host and port, written one way.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + host + ":" + port
}

func hostPort(address string) string {
	_, host, _ := strings.Cut(origin(address), "://")
	return host
}

// redacted is an address fit for logs and errors: no query, which may hold ids
// or signatures, and no user.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(an address that can't be read)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// backoff doubles, with a jitter of a quarter.
func backoff(try int) time.Duration {
	d := min(firstWait<<min(try-1, 20), longestWait)
	return d - d/4 + rand.N(d/2)
}

// retryAfter reads the header: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	if n, err := strconv.ParseInt(v, 10, 32); err == nil && n >= 0 {
		return min(time.Duration(n)*time.Second, longestAfter), true
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), longestAfter), true
	}
	return 0, false
}

// read sends k and reads the whole answer; a cut one is asked for again.
func (c *client) read(ctx context.Context, k call, limit int64) (*reply, []byte, error) {
	for try := 1; ; try++ {
		r, err := c.do(ctx, k)
		if err != nil {
			return nil, nil, err
		}
		if r.StatusCode >= 400 {
			return r, nil, nil
		}
		b, err := r.readAll(limit)
		if err == nil {
			return r, b, nil
		}
		if try >= tries || ctx.Err() != nil || !errors.Is(err, dose.ErrUpstream) {
			return nil, nil, err
		}
		if err := c.sleep(ctx, backoff(try)); err != nil {
			return nil, nil, err
		}
	}
}

// readAll reads a body that may not be longer than limit.
func (r *reply) readAll(limit int64) ([]byte, error) {
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s: %s: the answer is longer than %d bytes: %w", r.call.what, redacted(r.call.url), limit, dose.ErrInvalid)
	}
	return b, nil
}
