// Package drop fetches payloads from a drop box: a folder, or a folder on an
// SFTP server.
//
// It promises that a file is handed out whole: it was ready (unchanged over a
// time of our own clock, or marked by its sender), it had the same size and
// time before and after it was read, and it reached our disk. A cut transfer
// goes on where it ended. A file that changed is fetched again. What is
// archived is what was loaded, under its own name, and nothing is ever
// overwritten or deleted in the drop box. A server is spoken to only if
// known_hosts has its key. It never follows a symbolic link, never leaves the
// folder, and never interprets a file's content.
//
// A file is known by name, size and time. A file that is rewritten in place
// with the same size and the old time is not noticed.
package drop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/extract"
)

// Options are what a Source takes from its surroundings. Nil fields have
// their usual values.
type Options struct {
	Now    func() time.Time
	Getenv func(string) string                              // where the secrets are
	Wait   func(ctx context.Context, d time.Duration) error // sleeps
}

// Source is one drop box. It is used by one run at a time.
type Source struct {
	c     Config
	o     Options
	every int64         // bytes between two checkpoints of a transfer
	idle  time.Duration // a server may be silent for so long
}

var _ extract.Source = (*Source)(nil)

const (
	maxWait  = 2 * time.Minute // a run waits at most so long for a file to be stable
	maxFiles = 100_000         // in one drop box
)

// New returns the source. It opens nothing yet.
func New(c Config, o Options) (*Source, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return &Source{c.withDefaults(), o.withDefaults(), 16 << 20, time.Minute}, nil
}

// Fetch implements extract.Source. When some files can't be read the others
// are handed out and the note says so; when none can, it fails.
func (s *Source) Fetch(ctx context.Context, dir, was string) (f extract.Fetched, err error) {
	defer dose.Wrap(&err, "drop box %s", s.c.place())
	m, left := readMark(was, s.c.identity()), &notes{}
	if m.fresh && was != "" {
		left.add("the mark is of another place or unreadable: everything is fetched again", "")
	}
	st, err := openStage(dir, s.c, s.every)
	if err != nil {
		return f, err
	}
	b, p, err := s.look(ctx, st, m)
	if err != nil {
		return f, err
	}
	defer b.close()
	return s.take(ctx, b, st, p, m, left)
}

// take brings what the plan found ready, and sums up.
func (s *Source) take(ctx context.Context, b box, st *stage, p *plan, m mark, left *notes) (f extract.Fetched, err error) {
	if err := st.prune(p, m); err != nil {
		return f, err
	}
	if err := s.transfer(ctx, b, st, p, left); err != nil {
		return f, err
	}
	if err := s.catchUp(ctx, b, st, p, left); err != nil {
		return f, err
	}
	whole, err := st.whole()
	if err != nil {
		return f, err
	}
	if len(whole) == 0 && left.unread != nil {
		return f, fmt.Errorf("no new file could be read: %w", left.unread)
	}
	left.join(p.left)
	f = extract.Fetched{Payloads: payloads(whole), Mark: p.mark(m, whole).String()}
	f.Note = left.text(len(f.Payloads))
	return f, nil
}

// look lists the box and decides what is ready. It looks a second time, after
// a pause, when that is all that keeps a file from being stable; the server is
// not kept waiting meanwhile.
func (s *Source) look(ctx context.Context, st *stage, m mark) (box, *plan, error) {
	for again := false; ; again = true {
		b, err := s.open(ctx)
		if err != nil {
			return nil, nil, err
		}
		p, err := s.list(ctx, b, st, m)
		if err != nil {
			return nil, nil, errors.Join(err, b.close())
		}
		if again || p.pause == 0 || p.pause > maxWait {
			return b, p, nil
		}
		_ = b.close()
		if err := s.o.Wait(ctx, p.pause); err != nil {
			return nil, nil, err
		}
	}
}

func (s *Source) list(ctx context.Context, b box, st *stage, m mark) (*plan, error) {
	listed, err := b.list(ctx, s.c.Recursive)
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	if len(listed) > maxFiles {
		return nil, fmt.Errorf("the drop box holds %d files, at most %d: archive what is loaded (after: archive): %w", len(listed), maxFiles, dose.ErrInvalid)
	}
	seen, err := st.sightings()
	if err != nil {
		return nil, err
	}
	p := s.c.sort(listed, m, st.has, seen, s.o.Now())
	return p, st.keepSightings(p.sightings)
}

// transfer brings everything ready into the stage. It fails when the
// connection or our own disk does; what is wrong with one file is noted.
func (s *Source) transfer(ctx context.Context, b box, st *stage, p *plan, left *notes) error {
	for _, e := range p.ready {
		err := st.fetch(ctx, b, e)
		switch {
		case err == nil:
		case errors.Is(err, errChanged):
			left.add("changed while read, left for next time", e.name)
		case errors.Is(err, fs.ErrNotExist):
			left.add("gone before it was read", e.name)
		case errors.As(err, new(unreadable)):
			left.add("could not be read", e.name)
			left.unread = err
		default:
			return fmt.Errorf("fetch %q: %w", e.name, err)
		}
	}
	return nil
}

// catchUp archives what the mark says is loaded and still lies here and
// there, because a run ended between keeping its mark and Done, or Done failed.
func (s *Source) catchUp(ctx context.Context, b box, st *stage, p *plan, left *notes) error {
	if s.c.After != Archive {
		return nil
	}
	moved, err := s.c.archive(ctx, b, p.listed, p.known)
	for _, name := range moved {
		if err := st.drop(name, p.known[name]); err != nil {
			return err
		}
		delete(p.known, name)
	}
	if err != nil {
		left.add("loaded but not archived: "+err.Error(), "")
	}
	return nil
}

// Done implements extract.Source: it archives where that was asked for, then
// clears the fetched copies.
func (s *Source) Done(ctx context.Context, f extract.Fetched) (err error) {
	defer dose.Wrap(&err, "drop box %s", s.c.place())
	if len(f.Payloads) == 0 {
		return nil
	}
	if s.c.After == Archive {
		if err := s.archiveLoaded(ctx, f); err != nil {
			return fmt.Errorf("archive: %w", err)
		}
	}
	for _, p := range f.Payloads {
		if err := unstage(p.Path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) archiveLoaded(ctx context.Context, f extract.Fetched) error {
	m := readMark(f.Mark, s.c.identity())
	loaded := map[string]stamp{}
	for _, p := range f.Payloads {
		// Without the copy Done has been here before: a file of that name is another.
		if st, ok := m.Seen[p.Name]; ok && exists(p.Path) {
			loaded[p.Name] = st
		}
	}
	b, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	listed, err := b.list(ctx, s.c.Recursive)
	if err != nil {
		return err
	}
	_, err = s.c.archive(ctx, b, listed, loaded)
	return err
}

// open opens the box that the configuration names.
func (s *Source) open(ctx context.Context) (box, error) {
	if s.c.SFTP != nil {
		return s.dial(ctx)
	}
	return openFolder(s.c.Folder)
}

// payloads puts the files into the order in which they are to be loaded: by
// the date and number in a CVRS name (CVRS v2, extract file conventions 2), by
// the file's time where the name has none, then by name.
func payloads(whole []staged) []extract.Payload {
	when := func(f staged) time.Time {
		if t, _, ok := extract.ParseName(path.Base(f.Name)); ok {
			return t
		}
		return time.Unix(0, f.MTime)
	}
	slices.SortFunc(whole, func(a, b staged) int {
		return cmp.Or(when(a).Compare(when(b)), strings.Compare(a.Name, b.Name), cmp.Compare(a.MTime, b.MTime), strings.Compare(a.key, b.key))
	})
	out := make([]extract.Payload, 0, len(whole))
	for _, f := range whole {
		p := extract.Payload{Path: f.path, Name: f.Name}
		if t, _, ok := extract.ParseName(filepath.Base(f.path)); ok {
			p.SourceTime = t
		}
		out = append(out, p)
	}
	return out
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Wait == nil {
		o.Wait = sleep
	}
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
