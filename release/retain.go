package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Retention says which approved releases stay: the newest of each of so many
// days, weeks (ISO 8601) and months that have one. Zone is where days begin.
type Retention struct {
	Daily   int            `yaml:"daily"`
	Weekly  int            `yaml:"weekly"`
	Monthly int            `yaml:"monthly"`
	Zone    *time.Location `yaml:"-"`
}

// DefaultRetention keeps two weeks of days, a quarter of weeks, three years
// of months.
func DefaultRetention() Retention { return Retention{Daily: 14, Weekly: 13, Monthly: 36} }

// Keeps is one release in a plan. Why says what keeps it, or, with nothing in
// it, that it ends.
type Keeps struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	BuiltAt time.Time `json:"built_at,omitzero"`
	Files   int       `json:"files"`
	Bytes   int64     `json:"bytes"`
	Why     []string  `json:"why"`

	seq int64
}

// Plan says what retention does with each release, newest first. Kept are:
// latest, what is newer than it, what the rules name of the approved ones, and
// what has no record of the gate. A clock before the time of a release would
// name the wrong ones: then nothing is planned.
func (s Store) Plan(r Retention, now time.Time) ([]Keeps, error) {
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	ids, err := s.List()
	if err != nil {
		return nil, err
	}
	latest, err := s.Latest()
	if err != nil {
		return nil, dropNotFound(err)
	}
	m, err := s.Manifest(latest)
	if err != nil {
		return nil, err
	}
	var all []Keeps
	for _, id := range ids {
		k, err := s.keeps(id, now)
		if err != nil {
			return nil, err
		}
		switch {
		case id == latest:
			k.Why = append(k.Why, "latest")
		case k.seq > m.LedgerSeq:
			k.Why = append(k.Why, "newer than latest")
		}
		all = append(all, k)
	}
	slices.SortStableFunc(all, func(a, b Keeps) int { return b.BuiltAt.Compare(a.BuiltAt) })
	rule(all, "daily", r.Daily, func(t time.Time) string { return t.In(r.Zone).Format(time.DateOnly) })
	rule(all, "weekly", r.Weekly, func(t time.Time) string {
		y, w := t.In(r.Zone).ISOWeek()
		return fmt.Sprintf("%d-W%02d", y, w)
	})
	rule(all, "monthly", r.Monthly, func(t time.Time) string { return t.In(r.Zone).Format("2006-01") })
	return all, nil
}

func (s Store) keeps(id string, now time.Time) (Keeps, error) {
	k := Keeps{ID: id, Why: []string{}}
	m, err := s.Manifest(id)
	if errors.Is(err, dose.ErrNotFound) {
		k.Why = append(k.Why, "no manifest: look at it with 'dosebook verify'")
		return k, nil
	}
	if err != nil {
		return k, err
	}
	k.Status, k.Files, k.seq = m.Status, len(m.Files), m.LedgerSeq
	for _, f := range m.Files {
		k.Bytes += f.Bytes
	}
	g, err := s.Gate(id)
	if errors.Is(err, dose.ErrNotFound) {
		k.Why = append(k.Why, "no record of the gate")
		return k, nil
	}
	if err != nil {
		return k, err
	}
	if g.BuiltAt.After(now) {
		return k, fmt.Errorf("release %s was built on %s, and the clock says %s: set the clock; nothing was removed: %w", id,
			g.BuiltAt.Format(time.RFC3339), now.UTC().Format(time.RFC3339), dose.ErrHeld)
	}
	k.BuiltAt = g.BuiltAt
	return k, nil
}

// rule keeps the newest approved release of each of the first n periods. all
// is sorted newest first.
func rule(all []Keeps, name string, n int, period func(time.Time) string) {
	last := ""
	for i := range all {
		if all[i].Status != Ready || all[i].BuiltAt.IsZero() {
			continue
		}
		if p := period(all[i].BuiltAt); p != last {
			if last = p; n == 0 {
				return
			}
			n--
			all[i].Why = append(all[i].Why, name+" "+p)
		}
	}
}

// Prune removes a release and what was made from it in the folders made. Its
// record stays and says so, so that its addresses answer that they ended. The
// record comes first: after a fault the release counts as removed, and the
// next Prune or Sweep clears the rest away. The caller holds the lease.
func (s Store) Prune(id string, now time.Time, key *Signer, made ...string) error {
	if latest, err := s.Latest(); err == nil && latest == id {
		return fmt.Errorf("release %s is the latest and stays: %w", id, dose.ErrHeld)
	}
	g, err := s.Gate(id)
	if err != nil {
		return err
	}
	if g.Pruned == nil {
		at := now.UTC().Truncate(time.Second)
		g.Pruned = &at
		if err := s.writeGate(g, key); err != nil {
			return err
		}
	}
	for _, dir := range made {
		if err := os.RemoveAll(filepath.Join(dir, id)); err != nil {
			return fmt.Errorf("remove what was made of %s: %w", id, err)
		}
		if err := removeSince(dir, id); err != nil {
			return err
		}
	}
	return s.remove(id)
}

// removeSince removes the changes of later releases since this one: they hold
// its rows.
func removeSince(made, id string) error {
	var errs []error
	for _, pattern := range []string{"*/pair-" + id + ".*", "*/*/changes-" + id + ".*", "*/*/" + limitedFolder + "/changes-" + id + ".*"} {
		left, err := filepath.Glob(filepath.Join(made, pattern))
		errs = append(errs, err)
		for _, path := range left {
			errs = append(errs, os.Remove(path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the changes since %s: %w", id, err)
	}
	return nil
}

// Unfinished returns the releases whose removal was cut short.
func (s Store) Unfinished() (ids []string, err error) {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if !e.IsDir() || !idForm.MatchString(e.Name()) {
			continue
		}
		if g, err := s.Gate(e.Name()); err == nil && g.Pruned != nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, err
}
