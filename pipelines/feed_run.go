package pipelines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/extract"
)

// Run runs a feed now. The error says what became of it: of kind dose.ErrHeld
// when something waits for a steward, dose.ErrRejects when more rows than the
// limit were refused, dose.ErrLocked when another process runs the feed.
func (f *Feeds) Run(ctx context.Context, name string) (Outcome, error) {
	feed, err := f.Find(name)
	if err != nil {
		return Outcome{}, err
	}
	return f.run(ctx, feed, false)
}

// run runs a feed under its lease, with onlyDue only if it is due still.
func (f *Feeds) run(ctx context.Context, feed *Feed, onlyDue bool) (o Outcome, err error) {
	o = Outcome{Feed: feed.Name}
	if err := f.Book.seen(ctx, feed.Name, f.Now()); err != nil {
		return o, err
	}
	lease, err := Acquire(f.folder(feed), "run "+feed.Name, f.Now())
	if err != nil {
		return o, fmt.Errorf("feed %s is being run: %w", feed.Name, err)
	}
	defer func() { err = errors.Join(err, lease.Release()) }()
	if err := f.Book.do(ctx, "feed_run_close", feed.Name, f.Now().UnixMicro()); err != nil {
		return o, err
	}
	d, err := f.due(ctx, feed)
	if err != nil || onlyDue && !d.ready {
		return o, err
	}
	o.Started, o.State, o.Due, o.Attempt = f.Now(), stateRunning, d.at, d.tries+1
	if err := f.Book.begin(ctx, &o); err != nil {
		return o, err
	}
	f.point("begun")
	err = f.work(ctx, feed, &o)
	f.point("worked")
	return o, errors.Join(err, f.end(context.WithoutCancel(ctx), &o, err, ctx.Err() != nil))
}

// end says how the run ended.
func (f *Feeds) end(ctx context.Context, o *Outcome, err error, stopped bool) error {
	o.Ended = f.Now()
	o.Error = plain(err)
	switch {
	case stopped:
		o.State, o.Again = stateInterrupted, true
	case err == nil && o.Fresh == 0:
		o.State = stateNothing
	case err == nil:
		o.State = stateOK
	case errors.Is(err, errSettled) && errors.Is(err, dose.ErrHeld):
		o.State = stateHeld
	case errors.Is(err, errSettled):
		o.State = stateRejects
	default:
		o.State = stateFailed
		// What a source denies or says wrongly, it will again; what keeps a
		// payload from being loaded is on our side and may pass.
		ours := o.Step == "load" || o.Step == "wait"
		o.Again = ours || !errors.Is(err, dose.ErrDenied) && !errors.Is(err, dose.ErrInvalid)
	}
	f.tell(*o)
	level := f.Log.Info
	if !o.served() {
		level = f.Log.Error
	}
	level("feed run", "feed", o.Feed, "run", o.ID, "state", o.State, "step", o.Step, "attempt", o.Attempt,
		"payloads", o.Payloads, "new", o.Fresh, "records", o.Records, "rejects", o.Rejects, "error", o.Error)
	return f.Book.end(ctx, o)
}

// plain is an error for people: its lines in one, without the kinds, which
// stand as states.
func plain(err error) string {
	if err == nil {
		return ""
	}
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		for trimmed := true; trimmed; {
			trimmed = false
			for _, kind := range []error{dose.ErrInvalid, dose.ErrDenied, dose.ErrUpstream, dose.ErrHeld, dose.ErrRejects, dose.ErrLocked} {
				said, cut := strings.CutSuffix(lines[i], " "+kind.Error())
				if cut && strings.ContainsAny(said[max(0, len(said)-1):], ":?") { // not a sentence that ends in "denied"
					lines[i], trimmed = strings.TrimSuffix(said, ":"), true
				}
			}
		}
	}
	return strings.Join(lines, "; ")
}

// settled is an error that leaves nothing to be tried again: all that the
// source brought is loaded or held.
type settled struct{ error }

func (s settled) Unwrap() error { return s.error }

func (settled) Is(target error) bool { return target == errSettled }

var errSettled = errors.New("settled")

// work is a run: what an earlier one left is finished, then fetch, load,
// settle, finish. The mark moves in settle, when all that was fetched is in
// the ledger or held; a run that ends before is repeated from the same mark.
func (f *Feeds) work(ctx context.Context, feed *Feed, o *Outcome) error {
	dir := filepath.Join(f.folder(feed), "in")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	mark, _, err := f.Book.mark(ctx, feed.Name)
	if err != nil {
		return err
	}
	// That the source can't archive does not keep new data out.
	unfinished := f.finish(ctx, feed)
	if err := f.step(ctx, o, "fetch"); err != nil {
		return err
	}
	got, err := f.fetch(ctx, feed, dir, mark)
	if err != nil {
		return errors.Join(err, unfinished)
	}
	o.Note, o.Payloads = got.Note, len(got.Payloads)
	f.point("fetched")
	rep, err := f.loadAll(ctx, feed, o, got)
	if err != nil {
		return err
	}
	f.point("loaded")
	outcome, err := f.settle(ctx, feed, o, got, rep)
	if err != nil {
		return err
	}
	f.point("settled")
	if err := f.step(ctx, o, "finish"); err != nil {
		return err
	}
	return errors.Join(f.finish(ctx, feed), outcome)
}

// fetch asks the source, again where that may help.
func (f *Feeds) fetch(ctx context.Context, feed *Feed, dir, mark string) (got extract.Fetched, err error) {
	t := f.Timings.filled()
	within, stop := context.WithTimeout(ctx, t.Run)
	defer stop()
	err = f.retry(within, t.Fetch, func() (err error) {
		got, err = feed.Source.Fetch(within, dir, mark)
		return err
	})
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		err = fmt.Errorf("the source took longer than %s: %w: %w", t.Run, dose.ErrUpstream, err)
	}
	dose.Wrap(&err, "fetch")
	return got, err
}

// loadAll loads what was fetched, waiting for the writer's lease, and answers
// it where the feed asks for that. It fails if a payload is neither in the
// ledger nor kept as one that can't get there.
func (f *Feeds) loadAll(ctx context.Context, feed *Feed, o *Outcome, got extract.Fetched) (*Report, error) {
	if len(got.Payloads) == 0 {
		return &Report{}, nil
	}
	if err := f.step(ctx, o, "load"); err != nil {
		return nil, err
	}
	if feed.Format == Published {
		return f.keepPublished(feed, got)
	}
	reqs := make([]Request, len(got.Payloads))
	for i, p := range got.Payloads {
		reqs[i] = feed.request(p)
	}
	rep, err := f.loadWaiting(ctx, feed, o, reqs)
	if rep == nil {
		return nil, err
	}
	if len(rep.Payloads) != len(reqs) {
		return nil, errors.Join(fmt.Errorf("the source brought %d payloads, %d could be found", len(reqs), len(rep.Payloads)), err)
	}
	var errs []error
	for i := range rep.Payloads {
		p := &rep.Payloads[i]
		if p.err != nil { // the source's name says more than where we put the file
			p.err = renamed{cmp.Or(reqs[i].Name, filepath.Base(p.Path)) + strings.TrimPrefix(p.err.Error(), p.Path), p.err}
		}
		if p.err != nil && !p.waits() {
			errs = append(errs, p.err)
			continue
		}
		errs = append(errs, f.acknowledge(ctx, feed, p, reqs[i]))
	}
	return rep, errors.Join(errs...)
}

func (feed *Feed) request(p extract.Payload) Request {
	action := feed.Action
	if p.Action != "" && action != Snapshot {
		action = p.Action
	}
	return Request{Registry: feed.Registry, Format: feed.Format, Action: action, MaxAbsent: feed.MaxAbsent, Precision: feed.Precision,
		Limit: feed.Limit, Hold: feed.Hold, Paths: []string{p.Path}, Name: p.Name, SourceTime: p.SourceTime}
}

// renamed is an error that calls a payload as its source does.
type renamed struct {
	text string
	error
}

func (r renamed) Error() string { return r.text }

func (r renamed) Unwrap() error { return r.error }

// waits says that the payload is kept, and not in the ledger until somebody
// has done something: too many rejects, a snapshot that lacks too much, a file
// that can't be read.
func (p *Payload) waits() bool {
	return p.SHA256 != "" && (errors.Is(p.err, dose.ErrHeld) || errors.Is(p.err, dose.ErrInvalid))
}

// loadWaiting waits until no one else writes.
func (f *Feeds) loadWaiting(ctx context.Context, feed *Feed, o *Outcome, reqs []Request) (*Report, error) {
	const pause = time.Second
	limit := f.Timings.filled().Wait
	for waited := time.Duration(0); ; waited += pause {
		rep, err := f.Load(ctx, feed.Name, reqs...)
		if rep != nil || !errors.Is(err, dose.ErrLocked) || waited >= limit {
			return rep, err
		}
		if o.Step != "wait" {
			if err := f.step(ctx, o, "wait"); err != nil {
				return nil, err
			}
		}
		if stop := f.Sleep(ctx, pause); stop != nil {
			return nil, errors.Join(stop, err)
		}
	}
}

// acknowledge answers a payload once. A run that was killed between the answer
// and settle finds the answer there.
func (f *Feeds) acknowledge(ctx context.Context, feed *Feed, p *Payload, req Request) error {
	if feed.Ack == "" || f.Ack == nil {
		return nil
	}
	if known, err := f.Book.settled(ctx, feed.Name, p.SHA256, req.Action); err != nil || known {
		return err
	}
	name := filepath.Base(req.Paths[0])
	if req.Name != "" {
		name = filepath.Base(req.Name)
	}
	out := filepath.Join(feed.Ack, name+"."+p.SHA256[:8]+".ack.hl7")
	if _, err := os.Stat(out); err == nil {
		return nil
	}
	if err := errors.Join(os.MkdirAll(feed.Ack, 0o700), durable.Sweep(feed.Ack)); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	if err := f.Ack(ctx, f.Raw.Path(p.SHA256), out); err != nil && !errors.Is(err, dose.ErrInvalid) {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// finish tells the source what is done. What it could not be told stays for
// the next run.
func (f *Feeds) finish(ctx context.Context, feed *Feed) error {
	_, pending, err := f.Book.mark(ctx, feed.Name)
	if err != nil {
		return err
	}
	left := []extract.Fetched{}
	for i, got := range pending {
		bad := feed.Source.Done(ctx, got)
		f.point("done")
		if err = errors.Join(err, bad); bad != nil {
			left = append(left, got)
		}
		if errors.Is(bad, dose.ErrUpstream) || ctx.Err() != nil {
			left = append(left, pending[i+1:]...)
			break
		}
	}
	if len(left) < len(pending) {
		err = errors.Join(err, f.Book.setPending(ctx, f.Book.db, feed.Name, left))
	}
	dose.Wrap(&err, "all is loaded, but the source could not be told so; it is told again with the next run")
	return err
}

func (f *Feeds) step(ctx context.Context, o *Outcome, step string) error {
	o.Step = step
	f.tell(*o)
	return f.Book.step(ctx, o)
}

func (f *Feeds) tell(o Outcome) {
	if f.Progress != nil {
		f.Progress(o.Feed, o)
	}
}
