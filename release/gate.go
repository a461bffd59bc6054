package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
)

// Limits are what a release may do without being held. Shares are of the last
// approved release's count, or of this one's where no other is named.
type Limits struct {
	Least      int64   `yaml:"least"`      // counts below it are too few to judge a share by
	Fall       float64 `yaml:"fall"`       // doses or people that may go, of the whole
	PlaceFall  float64 `yaml:"place_fall"` // doses that may go, of any one place
	Rise       float64 `yaml:"rise"`       // doses or people that may come
	Tombstones float64 `yaml:"tombstones"` // events deleted since, of the live ones
	Unknown    float64 `yaml:"unknown"`    // doses without a county
	Rejects    float64 `yaml:"rejects"`    // refused records of what came since
	LateFeeds  int     `yaml:"late_feeds"` // feeds that may be late
}

// DefaultLimits are the limits where the configuration says nothing.
// California's published total never fell by more than corrections, and had
// 0.007 % of doses in an unknown county (CHHS, covid19vaccinesbycounty,
// December 2021).
func DefaultLimits() Limits {
	return Limits{Least: 1000, Fall: 0.02, PlaceFall: 0.10, Rise: 1, Tombstones: 0.02, Unknown: 0.05, Rejects: 0.05}
}

// Check is one question of the gate. A failed invariant fails the release, a
// passed limit holds it.
type Check struct {
	Name      string  `json:"name"`
	Invariant bool    `json:"invariant,omitempty"`
	Passed    bool    `json:"passed"`
	Value     float64 `json:"value"`
	Limit     float64 `json:"limit"`
	Says      string  `json:"says"`
}

// Decision is a person's word on a release.
type Decision struct {
	Status string    `json:"status"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Audit  *Mark     `json:"audit,omitempty"`
}

// Mark is the head of the audit's chain at that time. It stands here so that
// a signed record outside the database proves the chain; it follows from no
// ledger, so it can't stand in the manifest (ADR 0011).
type Mark struct {
	Entry int64  `json:"entry"`
	Hash  string `json:"hash"` // SHA-256, hex
}

// Gate is what was decided about a release: releases/<id>.gate.json. It
// stands beside the release, not in it, since it depends on the release
// before and on the day (ADR 0011).
type Gate struct {
	ID        string     `json:"id"`
	LedgerSeq int64      `json:"ledger_seq"`
	Status    string     `json:"status"`
	BuiltAt   time.Time  `json:"built_at"`
	Against   string     `json:"against,omitempty"` // the approved release it was held against
	Checks    []Check    `json:"checks"`
	Decisions []Decision `json:"decisions,omitempty"` // oldest first
	Pruned    *time.Time `json:"pruned,omitempty"`    // when retention removed the files
	Audit     *Mark      `json:"audit,omitempty"`     // when the gate was asked
}

// Holding returns the checks that did not pass.
func (g *Gate) Holding() (out []Check) {
	for _, c := range g.Checks {
		if !c.Passed {
			out = append(out, c)
		}
	}
	return out
}

// Marks returns the heads of the audit that the record keeps, oldest first.
func (g *Gate) Marks() (out []Mark) {
	if g.Audit != nil {
		out = append(out, *g.Audit)
	}
	for _, d := range g.Decisions {
		if d.Audit != nil {
			out = append(out, *d.Audit)
		}
	}
	return out
}

// Marks returns the audit's heads of all records by release, those of removed
// releases too. A record whose signature is wrong is an error: without keys
// none is asked.
func (s Store) Marks(keys PublicKeys) (map[string][]Mark, error) {
	files, err := filepath.Glob(filepath.Join(s.Dir, "*.gate.json"))
	if err != nil {
		return nil, err
	}
	out := make(map[string][]Mark, len(files))
	for _, f := range files {
		id := strings.TrimSuffix(filepath.Base(f), ".gate.json")
		if bad := s.checkGate(id, keys); len(bad) > 0 {
			return nil, errors.New(bad[0])
		}
		g, err := s.Gate(id)
		if err != nil {
			return nil, err
		}
		out[id] = g.Marks()
	}
	return out, nil
}

func (g *Gate) status() string {
	if g == nil {
		return ""
	}
	return g.Status
}

func (g *Gate) gone() error {
	return fmt.Errorf("release %s was removed on %s, as the retention rules say: its addresses have ended; read latest: %w",
		g.ID, g.Pruned.Format(time.DateOnly), dose.ErrGone)
}

// judged is the status that the checks alone give.
func judged(checks []Check) string {
	status := Ready
	for _, c := range checks {
		switch {
		case c.Passed:
		case c.Invariant:
			return Failed
		default:
			status = Held
		}
	}
	return status
}

func (s Store) gatePath(id string) (string, error) {
	path, err := s.Path(id)
	return path + ".gate.json", err
}

// Gate reads the record of a release. Without one the error is of kind
// dose.ErrNotFound: the build was cut short, or the release is older than the
// gate.
func (s Store) Gate(id string) (*Gate, error) {
	path, err := s.gatePath(id)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("release %s has no record of the gate: %w", id, dose.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("gate of %s: %w", id, err)
	}
	var g Gate
	if err := unseal(text, &g); err != nil {
		return nil, fmt.Errorf("gate of %s is damaged, restore %s.gate.json: %w", id, id, err)
	}
	if g.ID != id {
		return nil, fmt.Errorf("gate of %s is that of another release", id)
	}
	return &g, nil
}

// Status returns the status of a release that is there; for one that was
// removed the error is of kind dose.ErrGone. It reads one small file.
func (s Store) Status(id string) (string, error) {
	g, err := s.Gate(id)
	switch {
	case errors.Is(err, dose.ErrNotFound):
		m, err := s.Manifest(id) // older than the gate, or cut short
		if err != nil {
			return "", err
		}
		return m.Status, nil
	case err != nil:
		return "", err
	case g.Pruned != nil:
		return "", g.gone()
	}
	return g.Status, nil
}

func (s Store) writeGate(g *Gate, key *Signer) error {
	path, err := s.gatePath(g.ID)
	if err != nil {
		return err
	}
	text, err := seal(g, key)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, text)
}

// sealed is a small record with its signature in one file, so that both
// appear together. The signature is over the bytes of Body.
type sealed struct {
	Body      json.RawMessage `json:"body"`
	Key       string          `json:"key,omitempty"`
	Signature []byte          `json:"signature,omitempty"`
}

func seal(v any, key *Signer) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	f := sealed{Body: body}
	if key != nil {
		f.Key, f.Signature = key.ID, key.Sign(body)
	}
	text, err := json.Marshal(f)
	return append(text, '\n'), err
}

// unseal reads a record and proves nothing but its form.
func unseal(text []byte, v any) error {
	var f sealed
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	return json.Unmarshal(f.Body, v)
}

// checkSeal says what is wrong with a record: every byte counts.
func checkSeal(text []byte, keys PublicKeys) error {
	var f sealed
	if err := json.Unmarshal(text, &f); err != nil {
		return errors.New("is no record")
	}
	if again, err := json.Marshal(f); err != nil || string(again)+"\n" != string(text) {
		return errors.New("has other bytes than were written")
	}
	if len(keys) > 0 && !keys.Verify(f.Body, f.Signature) {
		return errors.New("is not signed by a known key")
	}
	return nil
}

// checkGate returns what is wrong with a release's record, nothing if there
// is none.
func (s Store) checkGate(id string, keys PublicKeys) []string {
	path, err := s.gatePath(id)
	if err != nil {
		return []string{err.Error()}
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = checkSeal(text, keys)
	}
	if err != nil {
		return []string{fmt.Sprintf("release %s: %s %v", id, filepath.Base(path), err)}
	}
	return nil
}
