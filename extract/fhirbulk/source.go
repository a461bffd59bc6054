package fhirbulk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
)

// maxKickoffs is how often one Fetch starts an export anew because the server
// has let it expire.
const maxKickoffs = 3

// Options are what a test replaces. Zero values are the real ones.
type Options struct {
	HTTP   *http.Client
	Now    func() time.Time
	Sleep  func(context.Context, time.Duration) error
	Getenv func(string) string
	Log    *slog.Logger
}

// Source is one registry's endpoint. Its methods are called one at a time.
type Source struct {
	config Config
	client *client
	asks   string // fingerprint: a run begun with other wishes is not gone on with
	dir    string // of the last Fetch
	large  int64  // a file from this size on is worth going on with in its middle
}

var _ extract.Source = (*Source)(nil)

// New returns the source that c describes. It reads the key and asks nobody.
func New(c Config, o Options) (*Source, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	c = c.filled()
	o = o.filled()
	t, err := newTokens(c, o.Getenv)
	if err != nil {
		return nil, err
	}
	own := *o.HTTP
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // client follows them itself
	own.Jar = nil
	cl := &client{http: &own, now: o.Now, sleep: o.Sleep, log: o.Log, home: origin(c.URL), hosts: map[string]bool{},
		plain: c.InsecureHTTP, stall: c.Timeout, tokens: t}
	for _, h := range c.Hosts {
		cl.hosts[hostPort("https://"+h)] = true
		if c.InsecureHTTP {
			cl.hosts[hostPort("http://"+h)] = true
		}
	}
	b, err := json.Marshal([]any{c.URL, c.Level, c.Group, c.Types, c.TypeFilter, c.Patients, c.ClientID})
	sum := sha256.Sum256(b)
	return &Source{config: c, client: cl, asks: hex.EncodeToString(sum[:8]), large: 1 << 20}, err
}

func (o Options) filled() Options {
	if o.HTTP == nil {
		o.HTTP = &http.Client{}
		if t, ok := http.DefaultTransport.(*http.Transport); ok {
			t = t.Clone()
			t.MaxIdleConnsPerHost = 16 // many small files: connections are used again
			o.HTTP.Transport = t
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return o
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

// mark is what is kept between runs: the last transactionTime as the server
// wrote it, and when everything was asked for last.
type mark struct {
	Time string    `json:"time"`
	Full time.Time `json:"full"`
}

func readMark(s string) (mark, error) {
	var m mark
	if s == "" {
		return m, nil
	}
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		return m, fmt.Errorf("the mark of the last run can't be read: %w", dose.ErrInvalid)
	}
	if _, err := instant(m.Time); err != nil {
		return m, fmt.Errorf("the mark of the last run can't be read: %w", dose.ErrInvalid)
	}
	return m, nil
}

// spoiled is a failure of the export itself: another Fetch begins a new one.
type spoiled struct{ error }

func (s spoiled) Unwrap() error { return s.error }

// errExpired: the server has removed the export or one of its files.
var errExpired = fmt.Errorf("the export has expired at the server: %w", dose.ErrUpstream)

// Fetch implements extract.Source.
func (s *Source) Fetch(ctx context.Context, dir, last string) (_ extract.Fetched, err error) {
	defer dose.Wrap(&err, "bulk data of %s", redacted(s.config.URL))
	s.dir = dir
	m, err := readMark(last)
	if err != nil {
		return extract.Fetched{}, err
	}
	if err := durable.Sweep(dir); err != nil {
		return extract.Fetched{}, err
	}
	r := &run{Source: s, folder: &folder{dir: dir}, last: m}
	if err := r.begin(ctx, last); err != nil {
		return extract.Fetched{}, err
	}
	for kickoffs := 1; r.state.Result == nil; kickoffs++ {
		err := r.fetch(ctx)
		switch {
		case err == nil:
		case errors.Is(err, errExpired) && kickoffs < maxKickoffs:
			s.client.log.Info("the export has expired: it is asked for again")
			if err := r.again(ctx, last); err != nil {
				return extract.Fetched{}, err
			}
		case errors.Is(err, errExpired) || errors.As(err, new(spoiled)):
			return extract.Fetched{}, errors.Join(err, r.abandon(ctx))
		default:
			return extract.Fetched{}, err
		}
	}
	return r.fetched(), nil
}

// Done implements extract.Source. A server that can't be told now is told at
// the next Fetch; the feed does not fail for it.
func (s *Source) Done(ctx context.Context, f extract.Fetched) (err error) {
	defer dose.Wrap(&err, "bulk data of %s", redacted(s.config.URL))
	dir := s.dir
	if len(f.Payloads) > 0 {
		dir = filepath.Dir(f.Payloads[0].Path)
	}
	if dir == "" {
		return nil // nothing came, and the next Fetch clears the folder
	}
	r := &run{Source: s, folder: &folder{dir: dir}}
	r.state, _, err = r.folder.load()
	if err != nil {
		return err
	}
	if r.state != nil && r.state.Result != nil && r.state.Result.Mark == f.Mark {
		return r.abandon(ctx)
	}
	r.tidy(ctx)
	return nil
}
