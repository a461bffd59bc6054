package release

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/release/suppress"
)

// PublicRule says when public tables are made.
type PublicRule struct {
	Every   string `yaml:"every"`    // week: when a week ended (Tuesday); release: with each that has a later day; never
	LagDays int    `yaml:"lag_days"` // days left out at the end, which late reports still change; default 7
}

// DefaultPublic is one publication a week.
func DefaultPublic() PublicRule { return PublicRule{Every: "week", LagDays: 7} }

// Check refuses a rule that is none.
func (r PublicRule) Check() error {
	if !slices.Contains([]string{"week", "release", "never"}, r.Every) || r.LagDays < 0 || r.LagDays > 365 {
		return fmt.Errorf("public: every is week, release or never; lag_days is 0 to 365: %w", dose.ErrInvalid)
	}
	return nil
}

// asOf is the last day of the tables made from a release: it follows from the
// newest file that a registry sent, not from the clock.
func (r PublicRule) asOf(m *Manifest) (time.Time, error) {
	newest := ""
	for _, f := range m.Feeds {
		newest = max(newest, f.Newest)
	}
	at, err := time.Parse(time.RFC3339, newest)
	if err != nil {
		return at, fmt.Errorf("release %s says no time of its feeds: %w", m.ID, dose.ErrInvalid)
	}
	day := at.Truncate(24*time.Hour).AddDate(0, 0, -r.LagDays)
	if r.Every == "week" {
		day = weekEnd(day.AddDate(0, 0, -6))
	}
	return day, nil
}

// Public is the folder of public tables:
//
//	public/<day>/manifest.json, .sig, SHA256SUMS     of one publication
//	public/<day>/by_county.csv, .json, …             the tables up to that day
//	public/<day>/datapackage.json, definitions.md, changes.csv
//	public/held-<day>.json   tables that find no proof, and what a steward decided
//	public/chain-<day>.gz    every count that was published or hidden: never served
//	public/latest            the day of the newest publication
//
// It stands beside releases, since what it hides depends on what was published
// before (ADR 0021), and outlives them. Everything under a day is immutable.
type Public struct{ Dir string }

// PublicManifest is manifest.json of a publication. Its ID is the day up to
// which the tables go.
type PublicManifest struct {
	Manifest
	Release  string        `json:"release"`            // what it was made from
	Previous string        `json:"previous,omitempty"` // publication before, and its manifest's SHA-256
	Before   string        `json:"previous_sha256,omitempty"`
	Chain    string        `json:"chain_sha256"` // of all that was published and hidden so far
	Tables   []PublicTable `json:"tables"`
}

// PublicTable says of a table what was hidden and how it was proven. It holds
// no hidden count.
type PublicTable struct {
	Name   string         `json:"name"`
	Rows   int            `json:"rows"`
	Counts int            `json:"counts"`         // of this publication's rows
	Why    map[string]int `json:"why"`            // shown, primary, complementary, additional
	Held   bool           `json:"held,omitempty"` // found no proof: as it was published before
}

var dayForm = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

// Latest returns the day of the newest publication, or dose.ErrNotFound.
func (s Public) Latest() (string, error) {
	b, err := os.ReadFile(filepath.Join(s.Dir, "latest"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no public tables have been published yet: %w", dose.ErrNotFound)
	}
	if err == nil && !dayForm.Match(b) {
		err = errors.New("public/latest is damaged")
	}
	return string(b), err
}

// List returns the days of all publications, oldest first. A folder newer
// than the latest was cut short and is none.
func (s Public) List() ([]string, error) {
	latest, err := s.Latest()
	if errors.Is(err, dose.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(s.Dir)
	var days []string
	for _, e := range entries {
		if e.IsDir() && dayForm.MatchString(e.Name()) && e.Name() <= latest {
			days = append(days, e.Name())
		}
	}
	return days, err
}

// Manifest reads the manifest of a publication.
func (s Public) Manifest(day string) (*PublicManifest, error) {
	days, err := s.List()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(days, day) {
		return nil, fmt.Errorf("there is no publication of %q; read public/latest: %w", day[:min(len(day), 20)], dose.ErrNotFound)
	}
	text, err := os.ReadFile(filepath.Join(s.Dir, day, manifestName))
	if err != nil {
		return nil, err
	}
	var m PublicManifest
	if err := json.Unmarshal(text, &m); err != nil || m.ID != day {
		return nil, fmt.Errorf("manifest of the publication of %s is damaged", day)
	}
	return &m, nil
}

// Publish makes the public tables of an approved release, if a day has come
// that none were made for: without one it returns nil. Each table is hidden
// together with all that was published before and with the others, proven and
// attacked. What can't be protected beside what is out already is not
// published: it is written down as held (PublicHold), the error is of kind
// dose.ErrHeld, and the next release tries again. The caller holds the lease.
func (s Public) Publish(ctx context.Context, store Store, id string, r PublicRule, key *Signer) (_ *PublicManifest, err error) {
	defer dose.Wrap(&err, "public tables")
	if err := r.Check(); err != nil || r.Every == "never" {
		return nil, err
	}
	m, err := store.Manifest(id)
	if err != nil || m.Status != Ready {
		return nil, err
	}
	asOf, err := r.asOf(m)
	if err != nil {
		return nil, err
	}
	return s.publish(ctx, store, m, asOf, key)
}

func (s Public) publish(ctx context.Context, store Store, m *Manifest, asOf time.Time, key *Signer) (*PublicManifest, error) {
	latest, err := s.Latest()
	day := asOf.Format(time.DateOnly)
	if err == nil && day <= latest {
		return nil, nil
	}
	if err != nil && !errors.Is(err, dose.ErrNotFound) {
		return nil, err
	}
	root, err := store.Path(m.ID)
	if err != nil {
		return nil, err
	}
	tables, err := publicTables(ctx, root, asOf)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(tables[:byZIP], func(t *suppress.Table) bool { return len(t.Rows) == 0 }) {
		return nil, nil // no dose is that old yet
	}
	p := &publication{store: s, asOf: asOf, before: latest, tables: tables}
	if err := p.settle(ctx, day, m.ID, key); err != nil {
		return nil, err
	}
	return p.write(&PublicManifest{Manifest: Manifest{ID: day, LedgerSeq: m.LedgerSeq, Schema: m.Schema}, Release: m.ID}, key)
}

// publication is one in the making.
type publication struct {
	store  Public
	asOf   time.Time
	before string // the publication before; "" for none

	tables []*suppress.Table // as they are; nil: held, and left out this time
	out    []*suppress.Table // as they go out
	chain  *suppress.Chain
	said   []PublicTable
}

// hide protects the tables together with all that was published before. With
// far it searches on where the first search ends.
func (p *publication) hide(ctx context.Context, far bool) (err error) {
	if p.chain, err = p.store.chain(p.before, publicRules()); err != nil {
		return err
	}
	cells, err := p.chain.Publish(p.tables, publicLinks()...)
	if err != nil {
		return err
	}
	// More orders and showing again would win a few cells of a hundred and
	// cost ten times as much (docs/PUBLIC.md).
	o := suppress.Options{Tries: 1, Tidy: 1, Limit: publicLimit, Widen: p.widen(cells)}
	_, err = suppress.Protect(ctx, p.chain.System, o)
	if far && errors.Is(err, dose.ErrHeld) { // search on, from what is hidden by now
		o.Limit = 0
		_, err = suppress.Protect(ctx, p.chain.System, o)
	}
	if err != nil {
		return err
	}
	bounds, err := suppress.Attack(ctx, p.chain.System)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(bounds, func(b suppress.Bound) bool { return b.Leak }) {
		return fmt.Errorf("the attack bounds a hidden number that has a proof; nothing was published: %w", dose.ErrHeld)
	}
	p.out, p.said = nil, nil
	for n, t := range p.tables {
		said := PublicTable{Name: publicNames[n], Why: map[string]int{}, Held: t == nil}
		var shown *suppress.Table
		if t != nil {
			if shown, err = p.chain.Show(n, t, cells[n]); err != nil {
				return err
			}
			said.Rows = len(shown.Rows)
		}
		for _, row := range cells[n] {
			for _, c := range row {
				said.Counts++
				said.Why[p.chain.System.Cells[c].State.String()]++
			}
		}
		p.out, p.said = append(p.out, shown), append(p.said, said)
	}
	return nil
}

// errNoChain is what was hidden so far being lost: no table is to blame.
var errNoChain = errors.New("restore it from a backup; without it the next tables could give hidden numbers away")

func (s Public) chainPath(day string) string { return filepath.Join(s.Dir, "chain-"+day+".gz") }

// chain reads what was published and hidden up to a publication, and proves
// that it is what that publication said.
func (s Public) chain(day string, rules []*suppress.Rules) (*suppress.Chain, error) {
	if day == "" {
		return suppress.NewChain(rules...), nil
	}
	m, err := s.Manifest(day)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(s.chainPath(day))
	if err == nil && hashHex(text) != m.Chain {
		err = errors.New("it has other bytes than were written")
	}
	if err != nil {
		return nil, fmt.Errorf("what was hidden up to %s can't be read from public/chain-%s.gz: %w: %w: %w", day, day, err, errNoChain, dose.ErrHeld)
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return suppress.ReadChain(z, rules...)
}

func hashHex(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// write writes the publication: the chain, the folder, then latest. One cut
// short is made again, from the same release as the same bytes.
func (p *publication) write(m *PublicManifest, key *Signer) (_ *PublicManifest, err error) {
	if err := os.MkdirAll(p.store.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := errors.Join(durable.Sweep(p.store.Dir), os.RemoveAll(filepath.Join(p.store.Dir, m.ID))); err != nil {
		return nil, err
	}
	folder, err := durable.MkdirPart(filepath.Join(p.store.Dir, m.ID))
	if err != nil {
		return nil, err
	}
	defer folder.Abort()
	var text bytes.Buffer
	z := gzip.NewWriter(&text)
	if err := errors.Join(p.chain.Keep(z), z.Close()); err != nil {
		return nil, err
	}
	m.Chain, m.Previous, m.Tables = hashHex(text.Bytes()), p.before, p.said
	if p.before != "" {
		old, err := os.ReadFile(filepath.Join(p.store.Dir, p.before, manifestName))
		if err != nil {
			return nil, err
		}
		m.Before = hashHex(old)
	}
	if m.Files, err = p.files(folder.Dir); err != nil {
		return nil, err
	}
	if err := p.sign(folder.Dir, m, key); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(p.store.chainPath(m.ID), text.Bytes()); err != nil {
		return nil, err
	}
	if err := folder.Commit(); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(filepath.Join(p.store.Dir, "latest"), []byte(m.ID)); err != nil {
		return nil, err
	}
	return m, p.store.tidy(m.ID, p.before)
}

// sign writes the manifest, its sums and its signature.
func (p *publication) sign(dir string, m *PublicManifest, key *Signer) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if err := durable.WriteFile(filepath.Join(dir, manifestName), text); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, sumsName), sums(&m.Manifest, text)); err != nil || key == nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, signatureName), key.Sign(text))
}

// tidy removes the chains before the last two: each holds all of those before.
func (s Public) tidy(keep ...string) error {
	all, err := filepath.Glob(filepath.Join(s.Dir, "chain-*.gz"))
	for _, path := range all {
		if !slices.ContainsFunc(keep, func(day string) bool { return path == s.chainPath(day) }) {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// publicLimit is how far is searched before a county's or a day's numbers are
// hidden together.
const publicLimit = 2000

// widen names what else is hidden for a number that found no protection among
// what is hidden already: its day in the table by day, its county or ZIP in
// the others.
func (p *publication) widen(cells [][][]int32) func(int32) []int32 {
	block := [...]int{byCounty: 1, byCountyDemographic: 0, byZIP: 0}
	of, all := map[int32]string{}, map[string][]int32{}
	for n, t := range p.tables {
		for i, row := range cells[n] { // none of a table that is left out
			key := publicNames[n] + t.Rows[i][block[n]]
			for _, c := range row {
				of[c] = key
				all[key] = append(all[key], c)
			}
		}
	}
	return func(cell int32) []int32 { return all[of[cell]] }
}
