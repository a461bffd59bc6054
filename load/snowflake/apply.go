package snowflake

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Apply applies ledger entries in one transaction.
func (d *DB) Apply(ctx context.Context, entries, known []load.Entry) (_ []load.Effect, err error) {
	defer dose.Wrap(&err, "apply ledger entries to Snowflake")
	if len(entries) == 0 {
		return nil, nil
	}
	c := newChunk(entries, known)
	run := c.run()
	s, err := d.own(ctx, "dosebook:apply:"+run)
	if err != nil {
		return nil, err
	}
	lease, err := d.hold(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lease.release(ctx)) }()
	d.after("lease")
	s.meter = &meter{began: d.now()}
	defer func() { s.meter = nil }()
	at, err := s.position(ctx)
	if err != nil {
		return nil, err
	}
	if at != c.first-1 && !d.anew {
		return nil, fmt.Errorf("the store is at ledger entry %d, not %d: another load was faster: %w", at, c.first-1, dose.ErrLocked)
	}
	l := &landing{run: run + "_" + rand.Text()[:8], tables: map[string]string{}}
	defer func() { err = errors.Join(err, d.clean(ctx, l)) }()
	w := &work{d: d, s: s, c: c, l: l, lease: lease, run: run}
	return w.apply(ctx)
}

// run names the run: by what it brings, so that it is the same name in a
// repeat.
func (c *chunk) run() string {
	h := sha256.New()
	for _, k := range append(append([]load.Entry{}, c.records...), c.inputs...) {
		if c.fresh[k.Seq] || c.retimed[key(k)] {
			fmt.Fprintf(h, "%d %s %d\n", k.Seq, key(k), k.SourceTime)
		}
	}
	return fmt.Sprintf("R%d_%d_%s", c.first, c.last, strings.ToUpper(hex.EncodeToString(h.Sum(nil)[:6])))
}

// clean drops the landing tables, also when ctx is over.
func (d *DB) clean(ctx context.Context, l *landing) error {
	if len(l.tables) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.patience)
	defer cancel()
	s, err := d.own(ctx, "dosebook:clean")
	if err != nil {
		return err
	}
	return s.unland(ctx, l)
}

// Absent counts what a snapshot would remove. It lands the segment, which is in
// the lake but not in the ledger, under the lease.
func (d *DB) Absent(ctx context.Context, registry, segment string, before int64) (absent, live int64, err error) {
	defer dose.Wrap(&err, "compare snapshot %s/%s with Snowflake", registry, segment)
	s, err := d.own(ctx, "dosebook:absent")
	if err != nil {
		return 0, 0, err
	}
	lease, err := d.hold(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, lease.release(ctx)) }()
	l := &landing{run: "ABSENT_" + rand.Text()[:8], tables: map[string]string{}}
	defer func() { err = errors.Join(err, d.clean(ctx, l)) }()
	if _, err := d.land(ctx, s, l, events, []file{{load.Entry{Registry: registry, Segment: segment}, load.EventFile}}); err != nil {
		return 0, 0, err
	}
	text, err := sqltext.Statements("dialect/snowflake/snapshot_absent.sql")
	if err != nil {
		return 0, 0, err
	}
	query := strings.NewReplacer("{files}", l.tables[events], "{registry}", quote(registry), "{before}", strconv.FormatInt(before, 10)).Replace(text[0])
	err = s.query(ctx, "compare", strings.TrimSuffix(query, ";"), func(scan func(...any) error) error { return scan(&absent, &live) })
	return absent, live, err
}

// work is one application under way.
type work struct {
	d     *DB
	s     *session
	c     *chunk
	l     *landing
	lease *held
	run   string
	rows  int64

	payloads []Payload
}

func (w *work) apply(ctx context.Context) (effects []load.Effect, err error) {
	if err := w.sweep(ctx); err != nil {
		return nil, err
	}
	// What DDL there is comes before the transaction, which it would end.
	if !w.s.shaped {
		if err := w.shape(ctx); err != nil {
			return nil, err
		}
		w.s.shaped = true
	}
	w.d.after("shape")
	if err := w.told(ctx); err != nil {
		return nil, err
	}
	for _, kind := range []string{events, rejects, replays, load.Crosswalk, load.Decision, load.Closing} {
		if len(w.c.files[kind]) == 0 {
			continue
		}
		n, err := w.d.land(ctx, w.s, w.l, kind, w.c.files[kind])
		if err != nil {
			return nil, err
		}
		w.rows += n
		w.d.after("land " + kind)
	}
	err = w.s.transaction(ctx, func() error {
		effects, err = w.change(ctx)
		w.d.after("change")
		return err
	})
	if err != nil {
		return nil, err
	}
	w.d.anew = false
	w.d.after("commit")
	w.cost(ctx)
	return effects, nil
}

// forget empties the tables, for a store that is made anew.
func (w *work) forget(ctx context.Context) error {
	for _, table := range []string{"EVENT", "SUPERSEDED", "PERSON", "DERIVED", "DOSE_PAIR", "ALIAS", "DECISION", "APPLIED", "EVENT_ISSUE",
		"REPLAYED_REJECT", "REPLAYED_ROW", "WHOLE_REPLAY", "CLOSING", "SEGMENT_ROW", "SEGMENT_PAYLOAD", "SEGMENT_REJECT", "LOAD_RUN"} {
		if _, err := w.s.exec(ctx, "empty "+table, "DELETE FROM "+table); err != nil {
			return err
		}
	}
	_, err := w.s.exec(ctx, "set the position back", "UPDATE POSITION SET SEQ = 0")
	return err
}

// sweep drops landing tables that killed loads have left: under the lease
// nobody else has one.
func (w *work) sweep(ctx context.Context) error {
	var left []string
	err := w.s.query(ctx, "look for landing tables", "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = CURRENT_SCHEMA() AND STARTSWITH(TABLE_NAME, 'LAND_')", func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		left = append(left, name)
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range left {
		if !identifier.MatchString(name) {
			continue
		}
		if _, err := w.s.exec(ctx, "drop a landing table", "DROP TABLE IF EXISTS "+name); err != nil {
			return err
		}
	}
	return nil
}

// change is all that the transaction does.
func (w *work) change(ctx context.Context) ([]load.Effect, error) {
	if w.d.anew {
		if err := w.forget(ctx); err != nil {
			return nil, err
		}
	}
	// The position first: of two loads that got here, one finds it moved.
	n, err := w.s.exec(ctx, "move the position", "UPDATE POSITION SET SEQ = ? WHERE SEQ = ?", w.c.last, w.c.first-1)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("another load was faster: %w", dose.ErrLocked)
	}
	w.d.after("position")
	if err := w.ledger(ctx); err != nil {
		return nil, err
	}
	if err := w.note(ctx); err != nil {
		return nil, err
	}
	if err := w.inputs(ctx); err != nil {
		return nil, err
	}
	if len(w.c.records) > 0 {
		if err := w.records(ctx); err != nil {
			return nil, err
		}
	}
	return w.effects(ctx)
}

// ledger notes the run, unless it is noted.
func (w *work) ledger(ctx context.Context) error {
	files := 0
	for _, f := range w.c.files {
		files += len(f)
	}
	n, err := w.s.exec(ctx, "note the run", "INSERT INTO LOAD_RUN SELECT ?, ?, ?, ?, ?, ? FROM (SELECT 1 AS ONE) AS T WHERE NOT EXISTS (SELECT 1 FROM LOAD_RUN WHERE LAST_SEQ >= ?)",
		w.run, w.c.first, w.c.last, files, w.rows, w.d.now().UnixMicro(), w.c.first)
	if err == nil && n != 1 {
		err = fmt.Errorf("these ledger entries were applied by another load: %w", dose.ErrLocked)
	}
	return err
}

// effects reads what the segments did.
func (w *work) effects(ctx context.Context) ([]load.Effect, error) {
	var out []load.Effect
	at := map[int64]int{}
	first := strconv.FormatInt(w.c.first, 10)
	err := w.s.query(ctx, "read the effects", "SELECT SEQ, ADDS, UPDATES, DELETES, UNCHANGED FROM APPLIED WHERE SEQ >= "+first+" ORDER BY SEQ", func(scan func(...any) error) error {
		e := load.Effect{Issues: map[string]int64{}}
		err := scan(&e.Seq, &e.Adds, &e.Updates, &e.Deletes, &e.Unchanged)
		at[e.Seq] = len(out)
		out = append(out, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	from := strconv.FormatInt(load.Place(w.c.first, 0), 10)
	err = w.s.query(ctx, "read the effects", "SELECT BITSHIFTRIGHT(PLACE, 32) AS S, CODE, COUNT(*) AS N FROM EVENT_ISSUE WHERE PLACE >= "+from+" GROUP BY 1, 2", func(scan func(...any) error) error {
		var seq, n int64
		var code string
		if err := scan(&seq, &code, &n); err != nil {
			return err
		}
		if i, ok := at[seq]; ok {
			out[i].Issues[code] = n
		}
		return nil
	})
	return out, err
}
