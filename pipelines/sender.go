package pipelines

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
)

// Sender is one organisation or site that sends records to a registry
// (docs/SENDERS.md). Dates are YYYY-MM-DD, or empty.
type Sender struct {
	Registry  string `json:"registry"`
	ID        string `json:"id"` // HL7 MSH-4, PIN or organisation code, as records name it
	Name      string `json:"name"`
	Parent    string `json:"parent"`
	Region    string `json:"region"`
	Kind      string `json:"kind"` // clinical, non-clinical
	State     string `json:"state"`
	Agreement string `json:"agreement"`
	Training  string `json:"training"`
}

// SenderChange is one entry of a sender's history.
type SenderChange struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Was    string    `json:"from"`
	Became string    `json:"to"`
	Reason string    `json:"reason"`
}

// Change says who changes senders, when and why.
type Change struct {
	By     string
	At     time.Time
	Reason string
}

// senderHeader are the columns of a list of senders, in any order.
var senderHeader = []string{"registry", "id", "name", "parent", "region", "kind", "state", "agreement", "training"}

// ReadSenders reads a list of senders, whole or not at all.
func ReadSenders(in io.Reader, name string) ([]Sender, error) {
	bad := func(line int, says string) error {
		return fmt.Errorf("%s: line %d: %s; correct it and load the list again: %w", name, line, says, dose.ErrInvalid)
	}
	c := csv.NewReader(in)
	c.FieldsPerRecord = -1
	head, err := c.Read()
	if err != nil {
		return nil, bad(1, "no CSV with a header")
	}
	at := map[string]int{}
	for i, h := range head {
		at[strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))] = i
	}
	for _, h := range senderHeader {
		if _, ok := at[h]; !ok {
			return nil, bad(1, "the column "+h+" is missing; it may be empty, but must be there")
		}
	}
	var out []Sender
	seen := map[string]bool{}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			line := 0
			if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
				line = parse.StartLine
			}
			return nil, bad(line, "not CSV, such as a quote that is never closed")
		}
		line, _ := c.FieldPos(0)
		if len(rec) != len(head) {
			return nil, bad(line, fmt.Sprintf("%d fields, not %d", len(rec), len(head)))
		}
		of := func(h string) string { return strings.TrimSpace(rec[at[h]]) }
		s := Sender{of("registry"), of("id"), of("name"), of("parent"), of("region"), of("kind"), of("state"), of("agreement"), of("training")}
		if says := s.check(); says != "" {
			return nil, bad(line, says)
		}
		if seen[s.Registry+"/"+s.ID] {
			return nil, bad(line, "this id stands here twice")
		}
		seen[s.Registry+"/"+s.ID] = true
		out = append(out, s)
	}
}

func (s *Sender) check() string {
	if load.CheckRegistry(s.Registry) != nil {
		return "the registry's name is not 1 to 32 of A-Z, 0-9, - and _"
	}
	if s.ID == "" {
		return "the id is empty"
	}
	if s.Kind != "clinical" && s.Kind != "non-clinical" {
		return "kind is not clinical or non-clinical"
	}
	if _, ok := dose.ParseSenderState(s.State); !ok {
		return "state is not enrolled, testing, production or suspended"
	}
	for _, day := range []string{s.Agreement, s.Training} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return "agreement and training are dates as YYYY-MM-DD, or empty"
		}
	}
	return ""
}

// PutSenders enters senders, new or changed, in one transaction. Those that
// are not in the list stay as they are. It returns how many are new and how
// many changed state.
func (l *Ledger) PutSenders(ctx context.Context, list []Sender, c Change) (added, moved int, err error) {
	defer dose.Wrap(&err, "enter senders")
	err = l.tx(ctx, func(tx *sql.Tx) error {
		added, moved = 0, 0
		for _, s := range list {
			var was string
			err := tx.QueryRowContext(ctx, "select state from sender where registry = ? and id = ?", s.Registry, s.ID).Scan(&was)
			switch {
			case errors.Is(err, sql.ErrNoRows):
				added++
			case err != nil:
				return err
			case was != s.State:
				moved++
			}
			if err := exec(ctx, tx, "sender_put", s.Registry, s.ID, s.Name, s.Parent, s.Region, s.Kind, s.State, s.Agreement, s.Training); err != nil {
				return err
			}
			if was != s.State {
				if err := exec(ctx, tx, "sender_changed", s.Registry, s.ID, c.At.UnixMicro(), c.By, was, s.State, c.Reason); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return added, moved, err
}

// Senders lists the senders of a registry, or of all for the empty name.
func (l *Ledger) Senders(ctx context.Context, registry string) (_ []Sender, err error) {
	defer dose.Wrap(&err, "list senders")
	out := []Sender{}
	err = l.each(ctx, "sender_list", func(rows *sql.Rows) error {
		var s Sender
		err := rows.Scan(&s.Registry, &s.ID, &s.Name, &s.Parent, &s.Region, &s.Kind, &s.State, &s.Agreement, &s.Training)
		out = append(out, s)
		return err
	}, registry)
	return out, err
}

// Sender finds one. Without a registry the id must be one registry's alone.
func (l *Ledger) Sender(ctx context.Context, registry, id string) (Sender, error) {
	all, err := l.Senders(ctx, registry)
	if err != nil {
		return Sender{}, err
	}
	all = slices.DeleteFunc(all, func(s Sender) bool { return s.ID != id })
	switch len(all) {
	case 1:
		return all[0], nil
	case 0:
		return Sender{}, fmt.Errorf("no sender %s is known; 'dosebook senders load' takes a list: %w", id, dose.ErrNotFound)
	}
	return Sender{}, fmt.Errorf("%d registries have a sender %s: name one with --registry: %w", len(all), id, dose.ErrInvalid)
}

// SenderHistory lists what happened to a sender, oldest first; the empty id
// means the registry's policy.
func (l *Ledger) SenderHistory(ctx context.Context, registry, id string) (_ []SenderChange, err error) {
	defer dose.Wrap(&err, "history of a sender")
	out := []SenderChange{}
	err = l.each(ctx, "sender_history", func(rows *sql.Rows) error {
		var c SenderChange
		var at int64
		err := rows.Scan(&at, &c.By, &c.Was, &c.Became, &c.Reason)
		c.At = time.UnixMicro(at).UTC()
		out = append(out, c)
		return err
	}, registry, id)
	return out, err
}

// RequireSenders turns the check of a registry's senders on or off. It is kept
// with the data, not in a flag: every way in asks it, replays too.
func (l *Ledger) RequireSenders(ctx context.Context, registry string, on bool, c Change) (err error) {
	if err := load.CheckRegistry(registry); err != nil {
		return err
	}
	return l.tx(ctx, func(tx *sql.Tx) error {
		var was, listed int
		err := tx.QueryRowContext(ctx, "select (select count(*) from sender_policy where registry = ?1), (select count(*) from sender where registry = ?1)", registry).Scan(&was, &listed)
		if err != nil || (was == 1) == on {
			return err
		}
		names, query := [2]string{"required", "off"}, "delete from sender_policy where registry = ?"
		if on {
			if listed == 0 {
				return fmt.Errorf("no senders of %s are known, so all its records would be kept out; run 'dosebook senders load' first: %w", registry, dose.ErrInvalid)
			}
			names, query = [2]string{"off", "required"}, "insert into sender_policy values (?)"
		}
		if _, err := tx.ExecContext(ctx, query, registry); err != nil {
			return err
		}
		return exec(ctx, tx, "sender_changed", registry, "", c.At.UnixMicro(), c.By, names[0], names[1], c.Reason)
	})
}

// SendersOf returns the snapshot of a registry's senders that a run goes by,
// nil where they are not checked.
func (l *Ledger) SendersOf(ctx context.Context, registry string) (_ dose.Senders, err error) {
	defer dose.Wrap(&err, "senders of %s", registry)
	var on int
	if err := l.db.QueryRowContext(ctx, "select count(*) from sender_policy where registry = ?", registry).Scan(&on); err != nil || on == 0 {
		return nil, err
	}
	list, err := l.Senders(ctx, registry)
	out := make(dose.Senders, len(list))
	for _, s := range list {
		out[s.ID], _ = dose.ParseSenderState(s.State)
	}
	return out, err
}
