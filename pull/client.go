package pull

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

const (
	attempts  = 6                // of a request that brings nothing; the pause doubles
	smallSize = 16 << 20         // most bytes of a manifest
	maxPause  = 30 * time.Second // whatever the server asks for
)

// client asks one server. It repeats what may go well the next time.
type client struct {
	base     *url.URL
	token    string
	http     *http.Client
	pause    time.Duration
	progress func(file string, done, total int64)
	received int64
}

func newClient(o Options) (client, error) {
	c := client{base: o.URL, token: o.Token, pause: o.Pause, progress: o.Progress}
	local := o.URL.Hostname() == "localhost"
	if ip := net.ParseIP(o.URL.Hostname()); ip != nil {
		local = ip.IsLoopback()
	}
	switch {
	case o.URL.Scheme != "https" && !(o.URL.Scheme == "http" && local):
		return c, fmt.Errorf("the address must begin with https:// (http:// only to this machine itself): the token and the records go over it: %w", dose.ErrInvalid)
	case o.URL.Host == "" || o.URL.User != nil || o.URL.RawQuery != "":
		return c, fmt.Errorf("the address is that of the server alone, such as https://doses.example.org: %w", dose.ErrInvalid)
	}
	h := http.Client{}
	if o.HTTP != nil {
		h = *o.HTTP
	}
	h.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != o.URL.Scheme || r.URL.Host != o.URL.Host || len(via) > 5 {
			return errors.New("the server sends us elsewhere")
		}
		return nil
	}
	c.http = &h
	if c.pause <= 0 {
		c.pause = time.Second
	}
	return c, nil
}

// again is an error after which the same request may go well.
type again struct {
	err  error
	wait time.Duration // at least
}

func (a again) Error() string { return a.err.Error() }
func (a again) Unwrap() error { return a.err }

// do sends one request and returns the answer if its status is one of want.
func (c *client) do(ctx context.Context, method, address string, header http.Header, want ...int) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath("/").String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, dose.ErrInvalid)
	}
	to, query, _ := strings.Cut(address, "?")
	r.URL.Path, r.URL.RawQuery = strings.TrimSuffix(c.base.Path, "/")+to, query
	for k, v := range header {
		r.Header[k] = v
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	// As the file is: what is packed on the way has other bytes and no ranges.
	r.Header.Set("Accept-Encoding", "identity")
	resp, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, again{fmt.Errorf("ask %s: %w: %w", path.Base(to), err, dose.ErrUpstream), 0}
	}
	for _, s := range want {
		if resp.StatusCode == s {
			return resp, nil
		}
	}
	return nil, refusal(resp)
}

// refusal reads what a server says of a status that is no success.
func refusal(resp *http.Response) error {
	defer resp.Body.Close()
	var p problem
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	_ = json.Unmarshal(text, &p) // a proxy answers otherwise
	err := func(kind error) error { return fmt.Errorf("the server refuses (%d): %s: %w", resp.StatusCode, p, kind) }
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return err(dose.ErrDenied)
	case s == http.StatusNotFound:
		return err(dose.ErrNotFound)
	case s == http.StatusGone:
		return err(dose.ErrGone)
	case s == http.StatusConflict:
		return err(dose.ErrHeld)
	case s == http.StatusTooManyRequests, s >= 500:
		n, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return again{err(dose.ErrUpstream), time.Duration(n) * time.Second}
	case s == http.StatusBadRequest:
		return err(dose.ErrInvalid)
	}
	return err(dose.ErrUpstream)
}

// try repeats f until it does well, fails for good, or failed too often
// without having brought anything.
func (c *client) try(ctx context.Context, f func() error) error {
	wait := c.pause
	for n, had := 1, c.received; ; n++ {
		err := f()
		var a again
		if !errors.As(err, &a) {
			return err
		}
		if c.received > had {
			n, had, wait = 1, c.received, c.pause
		}
		if n == attempts {
			return a.err
		}
		select {
		case <-time.After(min(max(wait, a.wait), maxPause)):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait *= 2
	}
}

// small reads a small file whole.
func (c *client) small(ctx context.Context, address string) (text []byte, err error) {
	err = c.try(ctx, func() error {
		resp, err := c.do(ctx, http.MethodGet, address, nil, http.StatusOK)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err = io.ReadAll(io.LimitReader(resp.Body, smallSize+1))
		c.received += int64(len(text))
		if err == nil && resp.ContentLength >= 0 && int64(len(text)) != resp.ContentLength {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && ctx.Err() == nil {
			return again{fmt.Errorf("read %s: %w: %w", path.Base(address), err, dose.ErrUpstream), 0}
		}
		if len(text) > smallSize {
			return fmt.Errorf("%s is too large: %w", path.Base(address), dose.ErrUpstream)
		}
		return err
	})
	return text, err
}

// download brings the file at address to dst, going on where an earlier
// attempt, or an earlier process, ended. What has other bytes than wanted is
// fetched once more from its beginning, then refused.
func (c *client) download(ctx context.Context, address string, want release.File, dst string) error {
	for second := range 2 {
		if err := c.try(ctx, func() error { return c.more(ctx, address, want, dst) }); err != nil {
			return err
		}
		if is(dst, want) {
			return nil
		}
		if err := os.Remove(dst); err != nil || second == 1 {
			return errors.Join(err, fmt.Errorf("%s came with other bytes than were announced: %w", path.Base(dst), dose.ErrUpstream))
		}
	}
	return nil
}

// more asks for what is missing of dst and appends it.
func (c *client) more(ctx context.Context, address string, want release.File, dst string) (err error) {
	f, err := os.OpenFile(dst, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil || have == want.Bytes {
		return err
	}
	header, status := http.Header{}, []int{http.StatusOK}
	if have > 0 && have < want.Bytes {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		header.Set("If-Range", `"`+want.SHA256+`"`)
		status = append(status, http.StatusPartialContent)
	}
	resp, err := c.do(ctx, http.MethodGet, address, header, status...)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
		if resp.StatusCode == http.StatusPartialContent {
			return fmt.Errorf("%s: the server answers for other bytes than asked: %w", path.Base(dst), dose.ErrUpstream)
		}
		have = 0
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return err
	}
	return c.copy(ctx, f, resp.Body, have, want, path.Base(dst))
}

// copy appends to f, at have, up to the wanted size. A file that can't be
// written to is no fault of the server's, and not tried again.
func (c *client) copy(ctx context.Context, f *os.File, body io.Reader, have int64, want release.File, name string) error {
	buf := make([]byte, 256<<10)
	body = io.LimitReader(body, want.Bytes-have+1) // one more shows a file that is too long
	for {
		n, err := body.Read(buf)
		if n > 0 {
			c.received += int64(n)
			if have += int64(n); c.progress != nil {
				c.progress(name, have, want.Bytes)
			}
			if _, err := f.Write(buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF) && have >= want.Bytes:
			return nil
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
			fallthrough
		case err != nil:
			return again{fmt.Errorf("%s ended after %d of %d bytes: %w: %w", name, have, want.Bytes, err, dose.ErrUpstream), 0}
		}
	}
}

// news is the newest release as its server describes it.
type news struct {
	manifest release.Manifest
	proof    map[string][]byte // manifest.json, its signature, its sums
	files    map[string]release.File
}

// address is where a file of the place is, at the level of this copy.
func (p *puller) address(id, name string) string {
	if p.Level == dose.Limited {
		name = dose.Limited.String() + "/" + name
	}
	return "/api/v1/releases/" + id + "/counties/" + string(p.Place) + "/" + name
}

// level is how a manifest says this copy's level: nothing for identified.
func (o Options) level() string {
	if o.Level == dose.Limited {
		return dose.Limited.String()
	}
	return ""
}

// newest asks for the manifest of the newest release and holds it against the
// keys before anything in it is believed.
func (p *puller) newest(ctx context.Context, keys release.PublicKeys) (*news, error) {
	text, err := p.small(ctx, p.address("latest", "manifest.json"))
	if err != nil {
		return nil, err
	}
	n := &news{proof: map[string][]byte{"manifest.json": text}, files: map[string]release.File{}}
	if err := json.Unmarshal(text, &n.manifest); err != nil || !release.IsID(n.manifest.ID) {
		return nil, fmt.Errorf("the server's manifest can't be read: %w", dose.ErrUpstream)
	}
	for _, name := range []string{"manifest.json.sig", "SHA256SUMS"} {
		if n.proof[name], err = p.small(ctx, p.address(n.manifest.ID, name)); err != nil {
			return nil, err
		}
	}
	if !keys.Verify(text, n.proof["manifest.json.sig"]) {
		return nil, fmt.Errorf("release %s is not signed by a key that is known here; if the state has a new key, get release.pub from the data steward and give --key: %w", n.manifest.ID, dose.ErrUpstream)
	}
	if n.manifest.Place != string(p.Place) || n.manifest.Level != p.level() {
		return nil, fmt.Errorf("the server sent the manifest of %q, not of %s: %w", n.manifest.Folder(), p.Place, dose.ErrUpstream)
	}
	for _, f := range n.manifest.Files {
		n.files[strings.TrimSuffix(strings.TrimPrefix(f.Path, n.manifest.Folder()), ".parquet")] = f
	}
	for _, t := range tables {
		if n.files[t].SHA256 == "" || len(n.files) != len(tables) {
			return nil, fmt.Errorf("release %s has other files than this dosebook knows; get a newer one: %w", n.manifest.ID, dose.ErrUpstream)
		}
	}
	return n, nil
}

// changes brings what leads from the release here to the newest. Their hash is
// the server's word alone: what counts is what they make.
func (p *puller) changes(ctx context.Context, n *news, since, dst string) error {
	from := p.address(n.manifest.ID, "changes.parquet") + "?since=" + url.QueryEscape(since)
	var want release.File
	err := p.try(ctx, func() error {
		resp, err := p.do(ctx, http.MethodHead, from, nil, http.StatusOK)
		if err != nil {
			return err
		}
		want.Bytes, want.SHA256 = resp.ContentLength, strings.Trim(resp.Header.Get("ETag"), `"`)
		return resp.Body.Close()
	})
	if err != nil {
		return err
	}
	if want.Bytes <= 0 || len(want.SHA256) != 64 || want.Bytes >= n.files["dose_event"].Bytes+n.files["dose"].Bytes {
		return fmt.Errorf("the changes are larger than the files: %w", dose.ErrNotFound)
	}
	return p.download(ctx, from, want, dst)
}
