package opendata

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/dosebook/dosebook/dose"
)

const (
	tries       = 5
	firstWait   = 2 * time.Second // doubled from try to try: 30 s in all
	longestWait = 15 * time.Minute
	tryTime     = 10 * time.Minute // of one request with its answer
	maxAnswer   = 512 << 20        // of JSON: 50,000 rows of 10 KB
)

// client asks one portal, again where another try may help.
type client struct {
	http   *http.Client
	base   *url.URL
	header string // of the token
	token  string
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
}

func newClient(c Config, o Options) (*client, error) {
	base, err := url.Parse(c.Portal)
	if err != nil {
		return nil, fmt.Errorf("portal: %w", dose.ErrInvalid)
	}
	cl := &client{base: base, header: "X-App-Token", now: o.Now, sleep: o.Sleep}
	if c.Kind == "ckan" {
		cl.header = "Authorization"
	}
	if c.TokenEnv != "" {
		if o.Getenv != nil {
			cl.token = o.Getenv(c.TokenEnv)
		}
		if cl.token == "" {
			return nil, fmt.Errorf("opendata: the environment has no %s, which token_env names: %w", c.TokenEnv, dose.ErrInvalid)
		}
	}
	if cl.now == nil {
		cl.now = time.Now
	}
	if cl.sleep == nil {
		cl.sleep = sleep
	}
	var h http.Client
	if o.HTTP != nil {
		h = *o.HTTP
	}
	h.CheckRedirect = cl.redirect
	cl.http = &h
	return cl, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// redirect follows to the portal's file store, without the token, and never
// from https to http.
func (c *client) redirect(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("more than ten redirects")
	}
	if !c.allowed(r.URL) {
		return errors.New("a redirect to an address that is not https")
	}
	if r.URL.Host != c.base.Host {
		r.Header.Del(c.header)
	}
	return nil
}

func (c *client) allowed(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && c.base.Scheme == "http" && loopback(u)
}

// final is an error for which the same request again is no help.
type final struct{ error }

func (e final) Unwrap() error { return e.error }

// get asks for u and hands the answer to use. Errors of use other than final
// ones are tried again, as are 429, 5xx and broken connections. No error holds
// the query of an address.
func (c *client) get(ctx context.Context, u *url.URL, use func(*http.Response) error) error {
	wait := firstWait
	for n := 1; ; n++ {
		after, err := c.try(ctx, u, use)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if f := (final{}); errors.As(err, &f) {
			return f.error
		}
		if n == tries {
			return fmt.Errorf("%d tries: %w", n, err)
		}
		d := max(wait, after)
		if d > longestWait {
			return fmt.Errorf("the portal asks to wait for %v: %w", d.Round(time.Second), err)
		}
		if err := c.sleep(ctx, d); err != nil {
			return err
		}
		wait *= 2
	}
}

func (c *client) try(ctx context.Context, u *url.URL, use func(*http.Response) error) (after time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, final{fmt.Errorf("the address is none: %w", dose.ErrInvalid)}
	}
	r.Header.Set("User-Agent", "dosebook")
	if c.token != "" && u.Host == c.base.Host {
		r.Header.Set(c.header, c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %w", u.Host, bare(err), dose.ErrUpstream)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return c.retryAfter(answer), status(answer)
	}
	return 0, use(answer)
}

// bare takes the address, whose query may say more than a log should, off err.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// status says what an answer other than 200 means.
func status(r *http.Response) error {
	says := "the portal answers " + r.Status + code(r.Body)
	switch {
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden:
		return final{fmt.Errorf("%s: check the token, and whether the table is public: %w", says, dose.ErrDenied)}
	case r.StatusCode == http.StatusNotFound:
		return final{fmt.Errorf("%s: check dataset and resource: %w", says, dose.ErrInvalid)}
	case r.StatusCode == http.StatusTooManyRequests || r.StatusCode == http.StatusRequestTimeout || r.StatusCode >= 500:
		return fmt.Errorf("%s: %w", says, dose.ErrUpstream)
	}
	return final{fmt.Errorf("%s: %w", says, dose.ErrInvalid)}
}

// code returns the machine's word for an error: SODA's code, CKAN's type.
func code(body io.Reader) string {
	text, err := io.ReadAll(io.LimitReader(body, 64<<10))
	if err != nil {
		return ""
	}
	var says struct {
		Code  string          `json:"code"`
		Error json.RawMessage `json:"error"`
	}
	var e struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(text, &says) != nil {
		return ""
	}
	if says.Code == "" && json.Unmarshal(says.Error, &e) == nil {
		says.Code = e.Type
	}
	if !plainName.MatchString(says.Code) || len(says.Code) > 80 {
		return ""
	}
	return " (" + says.Code + ")"
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3).
func (c *client) retryAfter(r *http.Response) time.Duration {
	text := r.Header.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return time.Duration(min(n, 1<<30)) * time.Second
	}
	if t, err := http.ParseTime(text); err == nil {
		return max(0, t.Sub(c.now()))
	}
	return 0
}

// json reads the answer to path and query into v, whole or not at all.
func (c *client) json(ctx context.Context, path string, query url.Values, v any) error {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	return c.get(ctx, u, func(r *http.Response) error {
		text, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
		switch {
		case err != nil:
			return fmt.Errorf("the answer broke off after %d bytes: %w: %w", len(text), bare(err), dose.ErrUpstream)
		case len(text) > maxAnswer:
			return final{fmt.Errorf("the answer is larger than %d MB: ask for a smaller page: %w", maxAnswer>>20, dose.ErrInvalid)}
		case isPage(text):
			return final{errPage}
		}
		if err := json.Unmarshal(text, v); err != nil {
			return fmt.Errorf("the answer is no whole JSON of the form expected (%d bytes): %w", len(text), dose.ErrUpstream)
		}
		return nil
	})
}

var errPage = fmt.Errorf("the portal answers with a web page instead of data: a redirect, a sign-in or a maintenance page; look at the dataset's address in a browser: %w", dose.ErrUpstream)

// isPage reports whether text begins like HTML or XML, as error pages of file
// stores do.
func isPage(text []byte) bool {
	text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), " \t\r\n")
	return len(text) > 0 && text[0] == '<'
}
