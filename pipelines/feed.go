package pipelines

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/load"
)

// Feed is a source that is asked again and again.
type Feed struct {
	Name      string
	Registry  string
	Format    string   // auto, or a decoder's name
	Action    string   // A, U, D where neither record nor source says; Snapshot
	Schedule  Schedule // zero: runs only when asked to
	Limit     float64  // share of a payload's records that may be refused
	Hold      bool     // a payload beyond the limit waits for a steward instead of being loaded
	MaxAbsent float64  // share of the registry's events that a snapshot may lack
	Precision string   // least precision of admin_date
	Expect    *Expect  // when data is to be here; nil: nothing is expected
	Ack       string   // folder for acknowledgements; empty: none
	Kind      string   // the source's, for people
	Source    extract.Source
}

var feedName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Check says what is wrong with the feed's declaration.
func (f *Feed) Check() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("feed %q: "+format+": %w", append(append([]any{f.Name}, args...), dose.ErrInvalid)...))
	}
	if !feedName.MatchString(f.Name) {
		bad("the name is not 1 to 63 of a-z, 0-9 and -")
	}
	if load.CheckRegistry(f.Registry) != nil {
		bad("registry is not 1 to 32 of A-Z, 0-9, - and _")
	}
	if _, ok := rank[f.Action]; !ok {
		bad("action %q", f.Action)
	}
	for what, share := range map[string]float64{"the limit of rejects": f.Limit, "max_absent": f.MaxAbsent} {
		if share < 0 || share > 1 {
			bad("%s is a share from 0 to 1", what)
		}
	}
	if f.Ack != "" && f.Format != "hl7v2" {
		bad("ack is for format hl7v2")
	}
	if f.Source == nil {
		bad("it has no source")
	}
	return errors.Join(errs...)
}

// Feeds runs the feeds of a data directory. Several processes may have one of
// the same directory: a feed's lease lets one at a time run a feed, and the
// writer's lease is held only while a payload is loaded.
type Feeds struct {
	List []Feed
	Book *FeedBook
	Raw  Raw
	Dir  string // each feed has a folder in it
	// Load runs requests under the writer's lease. An error of kind
	// dose.ErrLocked means that nothing was begun.
	Load     func(ctx context.Context, feed string, reqs ...Request) (*Report, error)
	Ack      func(ctx context.Context, payload, out string) error // writes out whole or not at all; may be nil
	Channels []Channel
	Log      *slog.Logger
	Now      func() time.Time
	Sleep    func(context.Context, time.Duration) error
	Rand     func() float64                 // 0 to 1
	Progress func(feed string, run Outcome) // at each step; may be nil
	Timings  Timings

	hook  func(point string) // for tests: where a run may be killed
	quiet map[string]pause   // channels that failed
}

// Timings bound how long a run goes on and when it is tried again. Zero
// fields have defaults.
type Timings struct {
	Fetch Backoff       // within a run: 4 tries, 5 seconds to 1 minute apart
	Again Backoff       // between runs of one due time: 2 minutes to 2 hours apart
	Wait  time.Duration // for the writer's lease: 30 minutes
	Run   time.Duration // longest fetch: 6 hours
	Tick  time.Duration // between looks at the clock: 15 seconds
	Send  time.Duration // one notice on one channel: 30 seconds
}

func (t Timings) filled() Timings {
	t.Fetch = t.Fetch.or(Backoff{4, 5 * time.Second, time.Minute})
	t.Again = t.Again.or(Backoff{0, 2 * time.Minute, 2 * time.Hour})
	for _, d := range []struct {
		at *time.Duration
		or time.Duration
	}{{&t.Wait, 30 * time.Minute}, {&t.Run, 6 * time.Hour}, {&t.Tick, 15 * time.Second}, {&t.Send, 30 * time.Second}} {
		if *d.at == 0 {
			*d.at = d.or
		}
	}
	return t
}

// Find returns the feed of that name.
func (f *Feeds) Find(name string) (*Feed, error) {
	for i := range f.List {
		if f.List[i].Name == name {
			return &f.List[i], nil
		}
	}
	return nil, fmt.Errorf("no feed %q in the configuration; see 'dosebook feeds': %w", name, dose.ErrNotFound)
}

// Check says what is wrong with the feeds, all of it.
func (f *Feeds) Check() error {
	var errs []error
	seen := map[string]bool{}
	for i := range f.List {
		x := &f.List[i]
		if errs = append(errs, x.Check()); seen[x.Name] {
			errs = append(errs, fmt.Errorf("two feeds are named %q: %w", x.Name, dose.ErrInvalid))
		}
		seen[x.Name] = true
	}
	return errors.Join(errs...)
}

// Open makes every feed known to the book: from here on it is due and
// expected.
func (f *Feeds) Open(ctx context.Context) error {
	for i := range f.List {
		if err := f.Book.seen(ctx, f.List[i].Name, f.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (f *Feeds) folder(feed *Feed) string { return filepath.Join(f.Dir, feed.Name) }

func (f *Feeds) point(name string) {
	if f.hook != nil {
		f.hook(name)
	}
}
