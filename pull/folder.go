package pull

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/release"
	sqltext "github.com/dosebook/dosebook/sql"
)

// lock takes the folder for one pull. The operating system holds the lock:
// when the holder dies, it is free at once.
func lock(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("another pull into this folder is running; wait for it: %w", dose.ErrLocked)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// state is state.json: what is here.
type state struct {
	URL      string `json:"url"`
	Place    string `json:"place"`
	Level    string `json:"level,omitempty"` // empty: identified
	Current  string `json:"current"`
	Releases []kept `json:"releases"` // newest pull first
}

type kept struct {
	ID        string    `json:"id"`
	LedgerSeq int64     `json:"ledger_seq"`
	PulledAt  time.Time `json:"pulled_at"`
}

func readState(dir string) (s state, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("state.json can't be read; remove it, and everything is proven and fetched anew (%w): %w", err, dose.ErrInvalid)
	}
	return s, nil
}

func (s *state) write(dir string) error {
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, "state.json"), append(text, '\n'))
}

// fits refuses to mix two places, levels or servers in one folder.
func (s *state) fits(o Options) error {
	if s.Place != "" && s.Place != string(o.Place) {
		return fmt.Errorf("this folder holds %s; give %s a folder of its own: %w", s.Place, o.Place, dose.ErrInvalid)
	}
	if s.Place != "" && s.Level != o.level() {
		return fmt.Errorf("this folder holds data of another level; give %s data a folder of its own: %w", o.Level, dose.ErrInvalid)
	}
	if s.URL != "" && s.URL != o.URL.String() {
		return fmt.Errorf("this folder holds what %s sent; use another folder, or remove state.json and keys.pem: %w", s.URL, dose.ErrInvalid)
	}
	return nil
}

// take makes a release the current one, and returns those that go for it.
func (s *state) take(id string, seq int64, now time.Time, keep int) (gone []string) {
	s.Current = id
	i := slices.IndexFunc(s.Releases, func(k kept) bool { return k.ID == id })
	k := kept{id, seq, now.UTC().Truncate(time.Second)}
	if i >= 0 {
		k = s.Releases[i]
		s.Releases = slices.Delete(s.Releases, i, i+1)
	}
	s.Releases = slices.Insert(s.Releases, 0, k)
	for len(s.Releases) > keep {
		gone = append(gone, s.Releases[keep].ID)
		s.Releases = slices.Delete(s.Releases, keep, keep+1)
	}
	return gone
}

// only removes what is left of a release that is no longer the newest.
func (p *puller) only(id string) error {
	dir := filepath.Join(p.Dir, "partial")
	if err := os.MkdirAll(filepath.Join(dir, id), 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != id && e.Name() != filepath.Base(p.partialChanges(id)) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// keys returns the keys that manifests are held against: those given, else
// those of the first pull, else the server's, which are kept for the next.
func (p *puller) keys(ctx context.Context) (release.PublicKeys, error) {
	path := filepath.Join(p.Dir, "keys.pem")
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	switch {
	case len(p.Key) > 0:
		if _, err := release.ParsePublicKeys(p.Key); err != nil {
			return nil, err
		}
		if strings.Contains(string(text), strings.TrimSpace(string(p.Key))) {
			break
		}
		text = slices.Concat(p.Key, []byte("\n"), text)
		if err := durable.WriteFile(path, text); err != nil {
			return nil, err
		}
	case len(text) == 0:
		if text, err = p.small(ctx, "/api/v1/keys"); err != nil {
			return nil, err
		}
		p.result.KeyIsNew = true
		if _, err := release.ParsePublicKeys(text); err != nil {
			return nil, fmt.Errorf("the server has no key that can be read: %w", dose.ErrUpstream)
		}
		if err := durable.WriteFile(path, text); err != nil {
			return nil, err
		}
	}
	return release.ParsePublicKeys(text)
}

// catalog makes the DuckDB file anew, beside its place, and moves it there:
// who has the old one open keeps it.
func (p *puller) catalog(ctx context.Context) error {
	list := make([]string, len(p.state.Releases))
	var changed []string
	for i, k := range p.state.Releases {
		list[i] = fmt.Sprintf("(%s, %d, timestamp %s)", quote(k.ID), k.LedgerSeq, quote(k.PulledAt.Format(time.DateTime)))
		if path := filepath.Join(p.Dir, "changes", k.ID+".parquet"); exists(path) {
			changed = append(changed, quote(path))
		}
	}
	name := "queries/pull_views.sql"
	statements, err := sqltext.Statements(name)
	if err == nil && len(changed) > 0 {
		var more []string
		more, err = sqltext.Statements("queries/pull_changes.sql")
		statements = append(statements, more...)
	}
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("{folder}", quote(p.folder(p.state.Current)), "{releases}", quote(filepath.Join(p.Dir, "releases")),
		"{current}", quote(p.state.Current), "{list}", strings.Join(list, ", "), "{changes}", "["+strings.Join(changed, ", ")+"]")
	for i := range statements {
		statements[i] = fill.Replace(statements[i])
	}
	part, err := os.MkdirTemp(p.Dir, durable.Prefix+"catalog-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	made := filepath.Join(part, "dosebook.duckdb")
	if err := p.Catalog(ctx, made, statements); err != nil {
		return fmt.Errorf("make dosebook.duckdb: %w", err)
	}
	return errors.Join(durable.SyncDir(made), os.Rename(made, filepath.Join(p.Dir, "dosebook.duckdb")), durable.SyncDir(p.Dir))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// problem is what a server says of a refusal (RFC 9457).
type problem struct{ Title, Detail string }

func (p problem) String() string { return cmp.Or(p.Detail, p.Title, "it does not say why") }
