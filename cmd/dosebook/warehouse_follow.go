package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/durable"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/load/snowflake"
	"github.com/dosebook/dosebook/release"
)

var (
	_ load.Warehouse    = (*snowflake.DB)(nil)
	_ release.Warehouse = (*snowflake.DB)(nil)
)

// standing is how far a warehouse follows the ledger.
type standing struct {
	Name     string     `json:"warehouse"`
	Position int64      `json:"position"`
	Ledger   int64      `json:"ledger"`
	Behind   int64      `json:"behind"` // segments, and news of their times
	Rows     int64      `json:"behind_rows"`
	Since    *time.Time `json:"behind_since,omitempty"` // when the first of them came
	Tried    *time.Time `json:"tried,omitempty"`
	Error    string     `json:"error,omitempty"` // of the last try; Position is then the last one known
}

// lastHeard is what this machine last lastHeard of Snowflake.
type lastHeard struct {
	Position int64     `json:"position"`
	Tried    time.Time `json:"tried"`
	Error    string    `json:"error,omitempty"`
}

func heardFile(b *book) string { return filepath.Join(b.dir, "snowflake.json") }

func (b *book) snowflakeHeard() (t lastHeard, err error) {
	text, err := os.ReadFile(heardFile(b))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return lastHeard{}, fmt.Errorf("snowflake.json: %w", err)
	}
	return t, nil
}

func (b *book) tell(t lastHeard) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return durable.WriteFile(heardFile(b), text)
}

// awayFor is how long a Snowflake that was away is left alone.
const awayFor = 5 * time.Minute

// look is a command that changes nothing.
const look = "warehouse status"

// share brings Snowflake up to the ledger after a load. A Snowflake that is
// away delays its own follower and nothing else: the load is done, and the next
// one tries again.
func (e *env) share(ctx context.Context, b *book, command string) {
	if !e.config.Warehouse.Snowflake.Set() || ctx.Err() != nil || command == look {
		return
	}
	defer e.keepMap(ctx, b)
	was, err := b.snowflakeHeard()
	if err == nil {
		var last int64
		last, err = b.ledger.Position(ctx)
		if err == nil && (was.Position >= last || was.Error != "" && e.now().Sub(was.Tried) < awayFor) {
			return
		}
	}
	if err == nil {
		err = e.follow(ctx, b, false)
	}
	if err != nil {
		e.note("Snowflake was not brought up to the ledger, the next load tries again: %v", err)
	}
}

// follow brings Snowflake up to the ledger, or makes it anew, and notes how far
// it came.
func (e *env) follow(ctx context.Context, b *book, anew bool) (err error) {
	if !e.config.Warehouse.Snowflake.Set() {
		return fmt.Errorf("no Snowflake is configured; give --config FILE with warehouse.snowflake (docs/SNOWFLAKE.md): %w", dose.ErrNotFound)
	}
	now, noteErr := b.snowflakeHeard()
	now.Tried, now.Error = e.now().UTC().Truncate(time.Second), ""
	defer func() {
		if err != nil {
			now.Error = err.Error()
		}
		err = errors.Join(err, noteErr, b.tell(now))
	}()
	w, err := e.snowflake(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if anew {
		w.Anew()
	}
	r := e.runner(b, w)
	err = r.Follow(ctx, nil)
	if at, posErr := w.Position(context.WithoutCancel(ctx)); posErr == nil {
		now.Position = at
	}
	if err == nil {
		e.say("snowflake is at ledger entry %d", now.Position)
	}
	return err
}

func (e *env) snowflake(ctx context.Context, b *book) (*snowflake.DB, error) {
	spool := filepath.Join(b.dir, "spool")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return nil, err
	}
	return snowflake.Open(ctx, e.config.Warehouse.Snowflake, b.lake, snowflake.Options{Rules: snowflake.Rules(e.config.Matching), Codes: b.codes, Spool: spool, Now: e.now, Payloads: b.payloads})
}

// payloads is what the ledger says of the segments up to an entry.
func (b *book) payloads(ctx context.Context, last int64) ([]snowflake.Payload, error) {
	known, err := b.ledger.List(ctx, last)
	if err != nil {
		return nil, err
	}
	out := make([]snowflake.Payload, len(known))
	for i, k := range known {
		out[i] = snowflake.Payload{Entry: k.Entry, SHA256: k.SHA256, Name: k.Name, Records: k.Records, Rejects: k.Rejects}
	}
	return out, nil
}

// status says how far each warehouse follows.
func (e *env) status(ctx context.Context, b *book) error {
	var all []standing
	err := e.writing(ctx, look, b, func(w *duckdb.DB) error {
		s, err := b.standing(ctx, "duckdb", w)
		all = append(all, s)
		return err
	})
	if err != nil {
		return err
	}
	if e.config.Warehouse.Snowflake.Set() {
		s, err := e.shared(ctx, b)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	if e.json {
		return e.printJSON(struct {
			standing
			Warehouses []standing `json:"warehouses"`
		}{all[0], all})
	}
	for _, s := range all {
		e.say("%s is at ledger entry %d of %d%s", s.Name, s.Position, s.Ledger, s.lag(e.now()))
		if s.Error != "" {
			e.say("  at the last try, %s: %s", pacific(*s.Tried), s.Error)
		}
	}
	return nil
}

func (s standing) lag(now time.Time) string {
	if s.Behind == 0 {
		return ""
	}
	text := fmt.Sprintf(": %d entries with %d rows behind", s.Behind, s.Rows)
	if s.Since != nil {
		text += fmt.Sprintf(", since %s", now.Sub(*s.Since).Truncate(time.Minute))
	}
	return text
}

// shared asks Snowflake; where it is away, what it said last stands.
func (e *env) shared(ctx context.Context, b *book) (standing, error) {
	was, err := b.snowflakeHeard()
	if err != nil {
		return standing{}, err
	}
	w, err := e.snowflake(ctx, b)
	if err == nil {
		s, err := b.standing(ctx, "snowflake", w)
		if err = errors.Join(err, w.Close()); err == nil {
			return s, nil
		}
	}
	now := e.now().UTC().Truncate(time.Second)
	s, lagErr := b.behind(ctx, "snowflake", was.Position)
	s.Tried, s.Error = &now, err.Error()
	return s, lagErr
}

func (b *book) standing(ctx context.Context, name string, w load.Warehouse) (standing, error) {
	at, err := w.Position(ctx)
	if err != nil {
		return standing{}, err
	}
	return b.behind(ctx, name, at)
}

// behind says what a warehouse at this position lacks.
func (b *book) behind(ctx context.Context, name string, at int64) (standing, error) {
	last, err := b.ledger.Position(ctx)
	if err != nil {
		return standing{}, err
	}
	s := standing{Name: name, Position: at, Ledger: last, Behind: last - at}
	if s.Behind == 0 {
		return s, nil
	}
	entries, err := b.ledger.Since(ctx, at, last)
	if err != nil {
		return s, err
	}
	for _, e := range entries {
		if !e.Retime {
			s.Rows += e.Rows
		}
	}
	known, err := b.ledger.List(ctx, last)
	if err != nil {
		return s, err
	}
	for _, k := range known {
		if k.Seq > at && (s.Since == nil || time.UnixMicro(k.ReceivedAt).Before(*s.Since)) {
			came := time.UnixMicro(k.ReceivedAt).UTC()
			s.Since = &came
		}
	}
	return s, nil
}
