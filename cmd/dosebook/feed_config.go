package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/extract/drop"
	"github.com/dosebook/dosebook/extract/fhirbulk"
	"github.com/dosebook/dosebook/extract/opendata"
	"github.com/dosebook/dosebook/extract/snowtable"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

// feedConfig declares a feed: docs/FEEDS.md says what each key means.
type feedConfig struct {
	Name      string        `yaml:"name"`
	Registry  string        `yaml:"registry"`
	Format    string        `yaml:"format,omitempty"`   // auto
	Action    string        `yaml:"action,omitempty"`   // add
	Mode      string        `yaml:"mode,omitempty"`     // incremental
	Schedule  string        `yaml:"schedule,omitempty"` // empty: only when asked to
	Precision string        `yaml:"precision,omitempty"`
	Limits    limitConfig   `yaml:"limits,omitempty"`
	Expect    *expectConfig `yaml:"expect,omitempty"`
	Ack       string        `yaml:"ack,omitempty"`
	Source    sourceConfig  `yaml:"source"`
}

type limitConfig struct {
	Rejects   *float64 `yaml:"rejects,omitempty"`    // share; reject_limit where left out
	OnRejects string   `yaml:"on_rejects,omitempty"` // load, or hold
	MaxAbsent float64  `yaml:"max_absent,omitempty"` // 0.02
}

type expectConfig struct {
	By      string        `yaml:"by"` // 09:00
	Days    string        `yaml:"days,omitempty"`
	Except  []string      `yaml:"except,omitempty"`
	Lag     int           `yaml:"lag,omitempty"`
	Grace   time.Duration `yaml:"grace,omitempty"`
	Records int64         `yaml:"records,omitempty"`
}

// sourceConfig names exactly one source.
type sourceConfig struct {
	Drop      *drop.Config      `yaml:"drop,omitempty"`
	FHIRBulk  *fhirbulk.Config  `yaml:"fhirbulk,omitempty"`
	Snowtable *snowtable.Config `yaml:"snowtable,omitempty"`
	OpenData  *opendata.Config  `yaml:"opendata,omitempty"`
}

type notifyConfig struct {
	Webhook *struct {
		URL      string `yaml:"url,omitempty"`
		URLEnv   string `yaml:"url_env,omitempty"` // where the address itself is a secret
		TokenEnv string `yaml:"token_env,omitempty"`
	} `yaml:"webhook,omitempty"`
	Mail *struct {
		Server      string   `yaml:"server"`
		From        string   `yaml:"from"`
		To          []string `yaml:"to"`
		User        string   `yaml:"user,omitempty"`
		PasswordEnv string   `yaml:"password_env,omitempty"`
		TLS         string   `yaml:"tls,omitempty"` // starttls, tls, none
	} `yaml:"mail,omitempty"`
}

// declaration is a source as it is declared, not yet made.
type declaration struct {
	kind  string
	check func() error
	make  func() (extract.Source, error)
}

// declared is the one place that knows all kinds of source.
func (s sourceConfig) declared(e *env) (d declaration, err error) {
	var all []declaration
	if c := s.Drop; c != nil {
		kind := "folder"
		if c.SFTP != nil {
			kind = "sftp"
		}
		all = append(all, declaration{kind, c.Check, func() (extract.Source, error) {
			return drop.New(*c, drop.Options{Now: e.now, Getenv: os.Getenv, Wait: pipelines.Sleep})
		}})
	}
	if c := s.FHIRBulk; c != nil {
		all = append(all, declaration{"fhirbulk", c.Check, func() (extract.Source, error) {
			return fhirbulk.New(*c, fhirbulk.Options{Now: e.now, Sleep: pipelines.Sleep, Getenv: os.Getenv})
		}})
	}
	if c := s.Snowtable; c != nil {
		all = append(all, declaration{"snowtable", c.Check, func() (extract.Source, error) {
			return snowtable.New(*c, snowtable.Options{Now: e.now, Getenv: os.Getenv})
		}})
	}
	if c := s.OpenData; c != nil {
		all = append(all, declaration{"opendata", c.Check, func() (extract.Source, error) {
			return opendata.New(*c, opendata.Options{Now: e.now, Getenv: os.Getenv, Sleep: pipelines.Sleep})
		}})
	}
	if len(all) != 1 {
		return d, fmt.Errorf("source names %d of drop, fhirbulk, snowtable, opendata; exactly one is needed: %w", len(all), dose.ErrInvalid)
	}
	return all[0], nil
}

// unmade stands for a source that could not be made, for want of a secret
// perhaps: its feed fails and says why, the others run.
type unmade struct{ err error }

func (u unmade) Fetch(context.Context, string, string) (extract.Fetched, error) {
	return extract.Fetched{}, u.err
}

func (u unmade) Done(context.Context, extract.Fetched) error { return u.err }

// feed turns a declaration into a feed. With sources false none is made.
func (e *env) feed(c feedConfig, sources bool) (f pipelines.Feed, err error) {
	var errs []error
	f = pipelines.Feed{Name: c.Name, Registry: c.Registry, Format: cmp.Or(c.Format, "auto"), MaxAbsent: c.Limits.MaxAbsent,
		Precision: cmp.Or(c.Precision, e.config.Precision), Limit: e.config.RejectLimit, Hold: c.Limits.OnRejects == "hold", Ack: c.Ack}
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format+": %w", append(args, dose.ErrInvalid)...))
		}
	}
	if c.Limits.Rejects != nil {
		f.Limit = *c.Limits.Rejects
	}
	if f.Format != "auto" && f.Format != pipelines.Published {
		_, err := decoder(f.Format)
		errs = append(errs, err)
	}
	f.Action = map[string]string{"add": "A", "update": "U", "delete": "D"}[cmp.Or(c.Action, "add")]
	bad(f.Action == "", "action %q is not one of add, update, delete", c.Action)
	mode := cmp.Or(c.Mode, "incremental")
	bad(mode != "incremental" && mode != "snapshot" || mode == "snapshot" && c.Action != "", "mode is incremental, or snapshot (without action)")
	if mode == "snapshot" {
		f.Action = pipelines.Snapshot
	}
	bad(f.Precision != "year" && f.Precision != "month" && f.Precision != "day", "precision is year, month or day")
	bad(c.Limits.OnRejects != "" && c.Limits.OnRejects != "load" && !f.Hold, "limits.on_rejects is load or hold, not %q", c.Limits.OnRejects)
	if c.Schedule != "" {
		f.Schedule, err = pipelines.ParseSchedule(c.Schedule)
		errs = append(errs, err)
	}
	f.Expect, err = c.Expect.calendar()
	errs = append(errs, err)
	d, err := c.Source.declared(e)
	if err == nil {
		err = d.check()
	}
	errs = append(errs, err)
	if err == nil {
		f.Kind, f.Source = d.kind, unmade{fmt.Errorf("the source is not open: %w", dose.ErrInvalid)}
	}
	if err == nil && sources {
		if f.Source, err = d.make(); err != nil {
			f.Source = unmade{err}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return f, fmt.Errorf("feed %q: %w", c.Name, err)
	}
	return f, f.Check()
}

func (c *expectConfig) calendar() (*pipelines.Expect, error) {
	if c == nil {
		return nil, nil
	}
	x := &pipelines.Expect{Lag: c.Lag, Grace: c.Grace, Except: c.Except, Records: c.Records}
	by, err := time.Parse("15:04", c.By)
	if err != nil {
		return nil, fmt.Errorf("expect: by %q is no time of day such as 09:00: %w", c.By, dose.ErrInvalid)
	}
	x.By = time.Duration(by.Hour())*time.Hour + time.Duration(by.Minute())*time.Minute
	if x.Days, err = pipelines.ParseDays(c.Days); err != nil {
		return nil, fmt.Errorf("expect: %w", err)
	}
	return x, x.Check()
}

// channels are the ways in which people are told.
func (c *notifyConfig) channels() (out []pipelines.Channel, err error) {
	if w := c.Webhook; w != nil {
		if (w.URL == "") == (w.URLEnv == "") {
			return nil, fmt.Errorf("notify.webhook: give either url or url_env: %w", dose.ErrInvalid)
		}
		address := cmp.Or(w.URL, os.Getenv(w.URLEnv))
		if u, err := url.Parse(address); w.URL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			return nil, fmt.Errorf("notify.webhook: url is no http or https address: %w", dose.ErrInvalid)
		}
		out = append(out, &pipelines.Webhook{URL: address, Token: os.Getenv(w.TokenEnv)})
	}
	if m := c.Mail; m != nil {
		mail := &pipelines.Mail{Server: m.Server, From: m.From, To: m.To, User: m.User, Password: os.Getenv(m.PasswordEnv), TLS: m.TLS == "tls", Plain: m.TLS == "none"}
		if m.TLS != "" && m.TLS != "starttls" && !mail.TLS && !mail.Plain {
			return nil, fmt.Errorf("notify.mail: tls is starttls, tls or none: %w", dose.ErrInvalid)
		}
		if err := mail.Check(); err != nil {
			return nil, fmt.Errorf("notify.%w", err)
		}
		out = append(out, mail)
	}
	return out, nil
}

// checkFeeds says all that is wrong with the declared feeds; it opens nothing.
func (e *env) checkFeeds() error {
	_, err := e.config.Notify.channels()
	all, bad := e.declareFeeds(false)
	return errors.Join(err, bad, (&pipelines.Feeds{List: all}).Check())
}

func (e *env) declareFeeds(sources bool) (out []pipelines.Feed, err error) {
	for _, c := range e.config.Feeds {
		f, bad := e.feed(c, sources)
		if err = errors.Join(err, bad); bad == nil {
			out = append(out, f)
		}
	}
	return out, err
}

// feeds wires the configured feeds to the data directory.
func (e *env) feeds(b *book, log *slog.Logger) (*pipelines.Feeds, error) {
	list, err := e.declareFeeds(true)
	if err != nil {
		return nil, err
	}
	channels, err := e.config.Notify.channels()
	if err != nil {
		return nil, err
	}
	return &pipelines.Feeds{List: list, Book: pipelines.NewFeedBook(b.db), Raw: b.raw, Dir: filepath.Join(b.dir, "feeds"),
		Channels: channels, Log: log, Now: e.now, Sleep: pipelines.Sleep, Rand: rand.Float64, Ack: e.ackTo,
		Load: func(ctx context.Context, feed string, reqs ...pipelines.Request) (rep *pipelines.Report, err error) {
			err = e.writing(ctx, "run "+feed, b, func(w *duckdb.DB) (err error) {
				rep, err = e.load(ctx, b, w, reqs...)
				return err
			})
			return rep, err
		}}, nil
}
