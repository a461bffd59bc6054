package pipelines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/load"
)

// Runner runs payloads down the line. The caller holds the lease.
type Runner struct {
	Raw        Raw
	Lake       load.Lake
	Ledger     *Ledger
	Warehouses []load.Warehouse
	Decoder    func(format string) (extract.Decoder, error)
	Now        func() time.Time
	Codes      *dose.CodeTables       // in force; nil: the built-in ones
	Levels     map[string]dose.Levels // of the checks, by registry; "*" for those not named
	Workers    int                    // goroutines that decode and map; at least 1
	Progress   func(done Count)       // called now and then from one goroutine; may be nil
}

// levels are those of a registry's checks.
func (r *Runner) levels(registry string) dose.Levels {
	if l, ok := r.Levels[registry]; ok {
		return l
	}
	return r.Levels["*"]
}

// Count is how far a run has come.
type Count struct {
	Path      string
	Payload   int // number of the payload, from 1
	Payloads  int
	Records   int64 // of this payload so far
	Following bool  // all are in the lake; the warehouse is catching up
}

// Request says what to load.
type Request struct {
	Registry  string
	Format    string  // "auto", a decoder's name, or load.Crosswalk, load.Decision
	Action    string  // A, U, D: for formats whose records carry none; Snapshot
	MaxAbsent float64 // share of a registry's events that a snapshot may lack; 0 means 2 %
	Precision string  // least precision of admin_date: year, month, day; empty means year
	Limit     float64 // share of rejects above which the run reports dose.ErrRejects
	Hold      bool    // above the limit the payload stays out of the ledger: dose.ErrHeld
	Paths     []string

	Name       string    // as the source calls the one payload of Paths; empty: the path's last part
	SourceTime time.Time // when the source made it; a CVRS name says it better
	Replay     *Replay   // of a payload that takes up refused records again; else nil
}

// Payload is the report on one payload, the JSON of ingest.
type Payload struct {
	Path      string           `json:"path"`
	SHA256    string           `json:"sha256"`
	Registry  string           `json:"registry"`
	Format    string           `json:"format"`
	Segment   string           `json:"segment"`
	Duplicate bool             `json:"duplicate"`
	Records   int64            `json:"records"`
	Events    int64            `json:"events"`
	Adds      int64            `json:"adds"`
	Updates   int64            `json:"updates"`
	Deletes   int64            `json:"deletes"`
	Unchanged int64            `json:"unchanged"`
	Rejects   int64            `json:"rejects"`
	Issues    map[string]int64 `json:"issues"`
	Error     string           `json:"error,omitempty"`
	seq       int64
	err       error
}

// Totals is the sum over the payloads of a report.
type Totals struct {
	Payloads   int              `json:"payloads"`
	Duplicates int              `json:"duplicates"`
	Failed     int              `json:"failed"`
	Records    int64            `json:"records"`
	Events     int64            `json:"events"`
	Adds       int64            `json:"adds"`
	Updates    int64            `json:"updates"`
	Deletes    int64            `json:"deletes"`
	Unchanged  int64            `json:"unchanged"`
	Rejects    int64            `json:"rejects"`
	Issues     map[string]int64 `json:"issues"`
}

// Report is what a run did.
type Report struct {
	Payloads []Payload `json:"payloads"`
	Totals   Totals    `json:"totals"`
}

// Load loads the files of the requests, in order, then brings the warehouses
// up to date. A file that can't be used does not stop the others; its error is
// in the report and in the error returned.
func (r *Runner) Load(ctx context.Context, reqs ...Request) (*Report, error) {
	if err := r.Recover(); err != nil {
		return nil, err
	}
	return r.load(ctx, reqs...)
}

// load is Load without Recover.
func (r *Runner) load(ctx context.Context, reqs ...Request) (*Report, error) {
	items, errs, err := itemize(reqs)
	if err != nil {
		return nil, err
	}
	rep := &Report{Payloads: []Payload{}}
	for i, it := range items {
		p, err := r.one(ctx, it.Request, it.path, Count{Path: it.path, Payload: i + 1, Payloads: len(items)})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if f := (*extract.Fault)(nil); errors.As(err, &f) {
				f.Name = "" // the path says it
			}
			err = fmt.Errorf("%s: %w", it.path, err)
			errs = append(errs, err)
			p.Error, p.err = err.Error(), err
		}
		rep.Payloads = append(rep.Payloads, p)
	}
	if err := r.Follow(ctx, rep); err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	rep.sum()
	for i, p := range rep.Payloads {
		if limit := items[i].Limit; float64(p.Rejects) > limit*float64(p.Records) {
			errs = append(errs, fmt.Errorf("%s: %d of %d records were refused, more than the limit of %g %%; the others are loaded: %w",
				p.Path, p.Rejects, p.Records, 100*limit, dose.ErrRejects))
		}
	}
	return rep, errors.Join(errs...)
}

type item struct {
	Request
	path string
}

func itemize(reqs []Request) (items []item, errs []error, err error) {
	for _, req := range reqs {
		if err := load.CheckRegistry(req.Registry); err != nil {
			return nil, nil, err
		}
		paths, bad := Expand(req.Paths)
		errs = append(errs, bad...)
		for _, p := range paths {
			items = append(items, item{req, p})
		}
	}
	return items, errs, nil
}

// Recover removes what a killed run left unfinished.
func (r *Runner) Recover() error {
	return errors.Join(durable.Sweep(r.Raw.Dir), durable.Sweep(r.Lake.Dir))
}

// Expand turns folders into their files by name. What does not exist is an
// error of kind dose.ErrInvalid; the rest is returned all the same.
func Expand(paths []string) (files []string, errs []error) {
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: no such file or folder: %w", p, dose.ErrInvalid))
			continue
		}
		if !st.IsDir() {
			files = append(files, p)
			continue
		}
		var inside []string
		err = filepath.WalkDir(p, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") {
				inside = append(inside, path)
			}
			return err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p, err))
		}
		// By name, so that days of several folders come in their order.
		slices.SortStableFunc(inside, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
		files = append(files, inside...)
	}
	return files, errs
}

// Follow brings every warehouse up to the ledger. rep, if not nil, learns what
// its payloads did.
func (r *Runner) Follow(ctx context.Context, rep *Report) error {
	last, err := r.Ledger.Position(ctx)
	if err != nil {
		return err
	}
	return r.followAll(ctx, last, rep)
}

// FollowTo brings every warehouse up to a ledger position that is not before
// its own.
func (r *Runner) FollowTo(ctx context.Context, last int64) error { return r.followAll(ctx, last, nil) }

func (r *Runner) followAll(ctx context.Context, last int64, rep *Report) error {
	for _, w := range r.Warehouses {
		if err := r.follow(ctx, w, last, rep); err != nil {
			return err
		}
	}
	return nil
}

// rowsAtOnce bounds one transaction of a warehouse: many segments together
// cost a quarter of one after the other, and a killed one begins again.
const rowsAtOnce = 25_000_000

func (r *Runner) follow(ctx context.Context, w load.Warehouse, last int64, rep *Report) error {
	for {
		at, err := w.Position(ctx)
		if err != nil || at >= last {
			return err
		}
		entries, err := r.Ledger.Since(ctx, at, last)
		if err != nil {
			return err
		}
		entries = chunk(entries)
		known, err := r.Ledger.Segments(ctx, entries[len(entries)-1].Seq)
		if err != nil {
			return err
		}
		r.progress(Count{Following: true, Payload: len(entries)})
		// What decoding used goes back first: a warehouse has memory of its own.
		debug.FreeOSMemory()
		effects, err := w.Apply(ctx, entries, known)
		if err != nil {
			return err
		}
		if rep != nil {
			rep.learn(effects)
		}
	}
}

// chunk cuts entries to what one transaction takes, at least one. What a segment
// did is said as of when it came, however far behind the warehouse is: so
// segments and retimes never share a call, a crosswalk begins one, and a
// snapshot ends one.
func chunk(entries []load.Entry) []load.Entry {
	rows := int64(0)
	for i, e := range entries {
		if !e.Retime {
			rows += e.Rows
		}
		if i > 0 && (rows > rowsAtOnce || e.Retime != entries[0].Retime || e.Format == load.Crosswalk || entries[i-1].Action == Snapshot) {
			return entries[:i]
		}
	}
	return entries
}

func (r *Runner) progress(c Count) {
	if r.Progress != nil {
		r.Progress(c)
	}
}

func (rep *Report) learn(effects []load.Effect) {
	bySeq := map[int64]load.Effect{}
	for _, e := range effects {
		bySeq[e.Seq] = e
	}
	for i := range rep.Payloads {
		p := &rep.Payloads[i]
		e, ok := bySeq[p.seq]
		if !ok || p.seq == 0 {
			continue
		}
		p.Adds, p.Updates, p.Deletes, p.Unchanged = e.Adds, e.Updates, e.Deletes, e.Unchanged
		for code, n := range e.Issues {
			p.Issues[code] += n
		}
	}
}

func (rep *Report) sum() {
	rep.Totals.Issues = map[string]int64{}
	for _, p := range rep.Payloads {
		one := Totals{Payloads: 1, Records: p.Records, Events: p.Events, Adds: p.Adds, Updates: p.Updates, Deletes: p.Deletes,
			Unchanged: p.Unchanged, Rejects: p.Rejects, Issues: p.Issues}
		if p.Duplicate {
			one.Duplicates = 1
		}
		if p.Error != "" {
			one.Failed = 1
		}
		rep.Totals.Add(one)
	}
}

// Add adds the totals of another report.
func (t *Totals) Add(o Totals) {
	t.Payloads += o.Payloads
	t.Duplicates += o.Duplicates
	t.Failed += o.Failed
	t.Records += o.Records
	t.Events += o.Events
	t.Adds += o.Adds
	t.Updates += o.Updates
	t.Deletes += o.Deletes
	t.Unchanged += o.Unchanged
	t.Rejects += o.Rejects
	if t.Issues == nil {
		t.Issues = map[string]int64{}
	}
	for code, n := range o.Issues {
		t.Issues[code] += n
	}
}
