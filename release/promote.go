package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// judge asks the gate about a release that is there, writes its record, and
// promotes it when all passed. What was decided before stays: a release that
// was ready, or that a person decided on, is not asked again.
func (s Store) judge(ctx context.Context, w Warehouse, m *Manifest, segments []Segment, o Options) error {
	g, err := s.Gate(m.ID)
	if err != nil && !errors.Is(err, dose.ErrNotFound) {
		return err
	}
	if g == nil || g.Pruned != nil || g.Status != Ready && len(g.Decisions) == 0 {
		built := o.Judge.now()
		if g != nil && g.Pruned == nil {
			built = g.BuiltAt
		}
		if g, err = s.ask(ctx, w, m, segments, o.Judge); err != nil {
			return fmt.Errorf("gate of %s: %w", m.ID, err)
		}
		g.BuiltAt = built
		if err := s.writeGate(g, o.Key); err != nil {
			return err
		}
	}
	if m.Status = g.Status; m.Status != Ready {
		return nil
	}
	return s.advance(m)
}

// clear removes what stands in the way of building a release: one that
// failed, or whose removal was cut short. Neither was ever latest since.
func (s Store) clear(id string) error {
	g, err := s.Gate(id)
	if errors.Is(err, dose.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if g.Status != Failed && g.Pruned == nil {
		return nil
	}
	return s.remove(id)
}

// remove takes a release's folder away, by one rename first: nobody sees half
// of it.
func (s Store) remove(id string) error {
	root, err := s.Path(id)
	if err != nil {
		return err
	}
	if _, err := os.Stat(root); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	away := filepath.Join(s.Dir, durable.Prefix+"removed-"+id)
	if err := errors.Join(os.RemoveAll(away), os.Rename(root, away), durable.SyncDir(s.Dir)); err != nil {
		return fmt.Errorf("remove release %s: %w", id, err)
	}
	return os.RemoveAll(away)
}

// advance makes a release the latest, unless the latest is of a newer ledger
// position: who looks back with --as-of must not send the counties back. A
// latest that is not there or not approved holds nobody up.
func (s Store) advance(m *Manifest) error {
	if now, err := s.Latest(); err == nil {
		latest, err := s.Manifest(now)
		if err == nil && latest.Status == Ready && (now == m.ID || latest.LedgerSeq > m.LedgerSeq) {
			return nil
		}
	} else if !errors.Is(err, dose.ErrNotFound) {
		return err
	}
	return s.promote(m.ID)
}

// promote makes an approved release the latest, by one rename, once every
// file has been read again.
func (s Store) promote(id string) error {
	status, err := s.Status(id)
	if err != nil {
		return err
	}
	if status != Ready {
		return fmt.Errorf("release %s is %s: %w", id, status, dose.ErrHeld)
	}
	bad, _, _, err := s.Verify(id)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return fmt.Errorf("release %s is not whole and was not promoted; remove its folder and build it again: %s", id, strings.Join(bad[:min(len(bad), 5)], "; "))
	}
	return durable.WriteFile(filepath.Join(s.Dir, "latest"), []byte(id))
}

// approved returns the manifests of the approved releases, newest ledger
// position first.
func (s Store) approved() ([]*Manifest, error) {
	ids, err := s.List()
	if err != nil {
		return nil, err
	}
	var out []*Manifest
	for _, id := range ids {
		status, err := s.Status(id)
		if errors.Is(err, dose.ErrNotFound) || err == nil && status != Ready {
			continue
		}
		if err != nil {
			return nil, err
		}
		m, err := s.Manifest(id)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b *Manifest) int { return int(b.LedgerSeq - a.LedgerSeq) })
	return out, nil
}

// before returns the approved release that m is held against, nil for none.
func (s Store) before(m *Manifest) (*Manifest, error) {
	all, err := s.approved()
	for _, x := range all {
		if x.LedgerSeq <= m.LedgerSeq && x.ID != m.ID {
			return x, err
		}
	}
	return nil, err
}

// Decide enters a person's decision, Ready or Held, and moves latest
// accordingly: an approved release becomes the latest unless that is newer; a
// held one stops being it, before the decision is written. A release that
// failed can't be approved. The caller holds the lease, and has the decision
// in the audit.
func (s Store) Decide(id string, d Decision, key *Signer) (g *Gate, err error) {
	m, err := s.Manifest(id)
	if err != nil {
		return nil, err
	}
	if g, err = s.Gate(id); errors.Is(err, dose.ErrNotFound) {
		if m.Schema > 2 {
			return nil, fmt.Errorf("release %s has not been before the gate; run 'dosebook release build': %w", id, dose.ErrHeld)
		}
		g, err = &Gate{ID: id, LedgerSeq: m.LedgerSeq, Status: m.Status, BuiltAt: d.At, Checks: []Check{}}, nil
	}
	switch {
	case err != nil:
		return nil, err
	case strings.TrimSpace(d.Reason) == "" || d.By == "":
		return nil, fmt.Errorf("a decision needs a reason: %w", dose.ErrInvalid)
	case d.Status != Ready && d.Status != Held:
		return nil, fmt.Errorf("status %q is no decision: %w", d.Status, dose.ErrInvalid)
	case g.Status == Failed:
		return nil, fmt.Errorf("release %s failed an invariant (%s) and can't be approved; find the cause, then build again: %w", id, g.Holding()[0].Name, dose.ErrHeld)
	}
	if d.Status == Held {
		if err := s.retreat(m); err != nil {
			return nil, err
		}
	}
	g.Status = d.Status
	d.At = d.At.UTC().Truncate(time.Second)
	g.Decisions = append(g.Decisions, d)
	if err := s.writeGate(g, key); err != nil {
		return nil, err
	}
	if d.Status == Ready {
		m.Status = Ready
		return g, s.advance(m)
	}
	return g, nil
}

// retreat makes the newest other approved release the latest, if m is it now.
func (s Store) retreat(m *Manifest) error {
	now, err := s.Latest()
	if errors.Is(err, dose.ErrNotFound) || err == nil && now != m.ID {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := s.approved()
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.ID != m.ID {
			return s.promote(x.ID)
		}
	}
	return errors.Join(os.Remove(filepath.Join(s.Dir, "latest")), durable.SyncDir(s.Dir))
}
