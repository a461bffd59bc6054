package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// PublicHold is what keeps the publication of a day from going out:
// public/held-<day>.json, sealed like a gate's record. Each table in it finds
// no proof beside what is out already, or would pin a number that is; without
// them the others do. A steward decides table by table; nothing goes out
// unproven, whatever is decided.
type PublicHold struct {
	Day     string      `json:"day"`
	Release string      `json:"release"` // that the publication was to be made from
	Tables  []HeldTable `json:"tables"`  // none: the others find no proof without any one or two
}

// HeldTable is one table of a hold.
type HeldTable struct {
	Name     string    `json:"name"`
	Decision *Decision `json:"decision,omitempty"`
}

// What a steward decides on a held table.
const (
	Later = "later" // the others go out without it; it tries again with the next publication
	Wait  = "wait"  // nothing of that day goes out
)

func (h *PublicHold) decided(status string) (names []string) {
	for _, t := range h.Tables {
		if t.Decision != nil && t.Decision.Status == status {
			names = append(names, t.Name)
		}
	}
	return names
}

// Settled says whether every held table was put off: then the others go out.
func (h *PublicHold) Settled() bool {
	return len(h.Tables) > 0 && len(h.decided(Later)) == len(h.Tables)
}

func (h *PublicHold) table(name string) *HeldTable {
	if h != nil {
		for i := range h.Tables {
			if h.Tables[i].Name == name {
				return &h.Tables[i]
			}
		}
	}
	return nil
}

// Says tells people what is held and what has been decided.
func (h *PublicHold) Says() string {
	if len(h.Tables) == 0 {
		return "no table can go out without the others; the next release tries again"
	}
	var out []string
	for _, t := range h.Tables {
		is := "waits for a steward"
		if t.Decision != nil {
			is = t.Decision.Status + " (" + t.Decision.By + ": " + t.Decision.Reason + ")"
		}
		out = append(out, t.Name+" "+is)
	}
	return strings.Join(out, "; ")
}

func (s Public) holdPath(day string) string { return filepath.Join(s.Dir, "held-"+day+".json") }

// Holds returns the records of all days, oldest first, those too whose
// publication went out without the tables.
func (s Public) Holds() (out []*PublicHold, err error) {
	files, err := filepath.Glob(s.holdPath("*"))
	for _, f := range files {
		day := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "held-"), ".json")
		h, err := s.hold(day)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, err
}

// Held returns the hold that a steward can decide on: the newest, if nothing
// has gone out since. Without one the error is of kind dose.ErrNotFound.
func (s Public) Held() (*PublicHold, error) {
	all, err := s.Holds()
	if err != nil {
		return nil, err
	}
	latest, err := s.Latest()
	if err != nil && !errors.Is(err, dose.ErrNotFound) {
		return nil, err
	}
	if len(all) == 0 || all[len(all)-1].Day <= latest {
		return nil, fmt.Errorf("no public table is held: %w", dose.ErrNotFound)
	}
	return all[len(all)-1], nil
}

// hold reads the record of a day, nil where there is none.
func (s Public) hold(day string) (*PublicHold, error) {
	text, err := os.ReadFile(s.holdPath(day))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var h PublicHold
	if err := unseal(text, &h); err != nil || h.Day != day || !dayForm.MatchString(day) {
		return nil, fmt.Errorf("the record of held public tables of %q is damaged; restore it or remove it and build again", day)
	}
	return &h, nil
}

func (s Public) writeHold(h *PublicHold, key *Signer) error {
	text, err := seal(h, key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	return durable.WriteFile(s.holdPath(h.Day), text)
}

// Holding returns the hold that a decision is for, or says why there is none.
func (s Public) Holding(table string, d Decision) (*PublicHold, error) {
	if d.Status != Later && d.Status != Wait || strings.TrimSpace(d.Reason) == "" {
		return nil, fmt.Errorf("a decision is %s or %s, with a reason: %w", Later, Wait, dose.ErrInvalid)
	}
	h, err := s.Held()
	if err == nil && h.table(table) == nil {
		err = fmt.Errorf("%q is not held in the tables up to %s: %s: %w", table, h.Day, h.Says(), dose.ErrNotFound)
	}
	return h, err
}

// Decide notes a steward's decision on a held table: Later or Wait. Publish
// and Retry then act on it. The caller holds the lease and has noted it in the
// audit.
func (s Public) Decide(table string, d Decision, key *Signer) (*PublicHold, error) {
	h, err := s.Holding(table, d)
	if err != nil {
		return nil, err
	}
	h.table(table).Decision = &d
	return h, s.writeHold(h, key)
}

// settle hides the tables, without those that a steward puts off. What finds
// no proof is written down as held; the error is then of kind dose.ErrHeld.
func (p *publication) settle(ctx context.Context, day, id string, key *Signer) error {
	h, err := p.store.hold(day)
	if err != nil {
		return err
	}
	if h != nil && len(h.decided(Wait)) > 0 {
		return fmt.Errorf("a steward decided that the tables up to %s don't go out: %s: %w", day, h.Says(), dose.ErrHeld)
	}
	failed := p.hide(ctx, true)
	if !errors.Is(failed, dose.ErrHeld) || errors.Is(failed, errNoChain) {
		if failed == nil && h != nil { // it goes out whole after all
			failed = os.Remove(p.store.holdPath(day))
		}
		return failed
	}
	if h != nil && h.Settled() {
		if err := p.without(ctx, h.decided(Later), true); !errors.Is(err, dose.ErrHeld) {
			return err
		}
	}
	names, err := p.blame(ctx)
	if err != nil {
		return err
	}
	now := &PublicHold{Day: day, Release: id}
	for _, n := range names {
		t := h.table(n)
		if t == nil {
			t = &HeldTable{Name: n}
		}
		now.Tables = append(now.Tables, *t)
	}
	return errors.Join(fmt.Errorf("the tables up to %s are held: %s: %w", day, now.Says(), failed), p.store.writeHold(now, key))
}

// leave are the tables without which the others are tried, those first whose
// absence costs least.
var leave = [...][]int{{byZIP}, {byCountyDemographic}, {byCounty}, {byZIP, byCountyDemographic}, {byCounty, byZIP}, {byCounty, byCountyDemographic}}

// blame finds the tables without which the others find their proof. A table
// that has never been out can't be left out: readers would have none of it,
// and take what is missing for zero.
func (p *publication) blame(ctx context.Context) ([]string, error) {
	if p.before == "" {
		return nil, nil
	}
	for _, set := range leave {
		var names []string
		for _, n := range set {
			names = append(names, publicNames[n])
		}
		err := p.without(ctx, names, false)
		if err == nil || !errors.Is(err, dose.ErrHeld) {
			return names, err
		}
	}
	return nil, nil
}

// without hides the publication less some of its tables.
func (p *publication) without(ctx context.Context, names []string, far bool) error {
	all := p.tables
	p.tables = slices.Clone(all)
	for n := range p.tables {
		if slices.Contains(names, publicNames[n]) {
			p.tables[n] = nil
		}
	}
	err := p.hide(ctx, far)
	if err != nil {
		p.tables = all
	}
	return err
}

// Retry publishes what a steward's decisions let go, from the release that was
// held.
func (s Public) Retry(ctx context.Context, store Store, h *PublicHold, key *Signer) (_ *PublicManifest, err error) {
	defer dose.Wrap(&err, "public tables")
	m, err := store.Manifest(h.Release)
	if err != nil || m.Status != Ready {
		return nil, err
	}
	asOf, err := time.Parse(time.DateOnly, h.Day)
	if err != nil {
		return nil, err
	}
	return s.publish(ctx, store, m, asOf, key)
}
