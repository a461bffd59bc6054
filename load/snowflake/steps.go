package snowflake

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/load"
)

// wanted are the rows of the segments whose keys stand in wanted_segment.
const wanted = "(select * from segment_row where filename in (select filename from wanted_segment))"

// models are all that an application runs, in an order in which each finds the
// work tables of those before it.
func models() []string {
	return []string{"01_segments", "04_settled", "07_replayed", "05_incoming", "09_nothing_yet", "10_version", "12_snapshot", "20_person", "20_touched",
		"20_scope_day", "20_candidate", "21_home", "22_link", "23_label_step", "24_person_write", "25_forget_scope", "26_part", "30_dose", "31_dose_step", "40_derive"}
}

// fragments are what stands for the names in brackets where nothing else is
// said.
func (w *work) fragments(more ...string) *strings.Replacer {
	return strings.NewReplacer(append(more, "{files}", wanted, "{roots}", "segment_row", "{live}", "table", "{in_scope}", "true", "{due}", "true", "{parts}", "1", "{part}", "0",
		"{component_limit}", strconv.Itoa(w.d.rules.ComponentLimit), "{apart}", strconv.Itoa(w.d.rules.ApartDays), "{same_day_other_lot}", quote(w.d.rules.SameDayOtherLot))...)
}

// shape makes the work tables, empty.
func (w *work) shape(ctx context.Context) error {
	if _, err := w.s.exec(ctx, "make a work table", "CREATE OR REPLACE TEMPORARY TABLE WANTED_SEGMENT (FILENAME VARCHAR)"); err != nil {
		return err
	}
	with := w.fragments()
	for _, model := range models() {
		all, err := steps(model)
		if err != nil {
			return err
		}
		for _, st := range flat(all) {
			if st.shape == "" {
				continue
			}
			if _, err := w.s.exec(ctx, model+": make the work table "+st.table, with.Replace(st.shape)); err != nil {
				return err
			}
		}
	}
	return nil
}

func flat(all []step) (out []step) {
	for _, s := range all {
		out = append(out, s)
		out = append(out, flat(s.loop)...)
	}
	return out
}

// do runs a model.
func (w *work) do(ctx context.Context, model string, more ...string) error {
	all, err := steps(model)
	if err != nil {
		return err
	}
	if strings.HasSuffix(model, "_step") {
		all = []step{{loop: all}}
	}
	with := w.fragments(more...)
	for _, st := range all {
		if err := w.one(ctx, model, st, with); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) one(ctx context.Context, model string, st step, with *strings.Replacer) error {
	if err := w.lease.keep(ctx); err != nil {
		return err
	}
	if st.loop != nil {
		return w.loop(ctx, model, st.loop, with)
	}
	if st.do == "" {
		if st.table == "" {
			return nil
		}
		st.do = "delete from " + st.table
	}
	text := st.do
	if st.byName != "" {
		cols := strings.Join(w.d.shapes[st.byName], ", ")
		text = fmt.Sprintf("insert into %s (%s) select %s from (%s) named", st.byName, cols, cols, st.do)
	}
	_, err := w.s.exec(ctx, model, with.Replace(text))
	w.d.after(model)
	return err
}

// loop runs steps until the last says that nothing changed.
func (w *work) loop(ctx context.Context, model string, steps []step, with *strings.Replacer) error {
	last := len(steps) - 1
	for {
		for _, st := range steps[:last] {
			if err := w.one(ctx, model, st, with); err != nil {
				return err
			}
		}
		changed, err := w.s.number(ctx, model, with.Replace(steps[last].do))
		if err != nil || changed == 0 {
			return err
		}
	}
}

// insert adds rows, written as SQL.
func (w *work) insert(ctx context.Context, table string, rows []string) error {
	const atOnce = 2000 // a statement's text is at most 1 MB
	for len(rows) > 0 {
		n := min(atOnce, len(rows))
		if _, err := w.s.exec(ctx, "fill "+table, "INSERT INTO "+table+" VALUES "+strings.Join(rows[:n], ", ")); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// inputs takes in crosswalks, decisions and closings, and says which keys and
// recipients are to be decided anew.
func (w *work) inputs(ctx context.Context) error {
	if err := w.do(ctx, "01_segments"); err != nil {
		return err
	}
	if len(w.c.inputs) == 0 {
		return nil // nothing was ever said, the work tables are as they were made
	}
	if err := w.insert(ctx, "input_in", w.c.inputRows()); err != nil {
		return err
	}
	for _, in := range []struct{ format, model string }{{load.Crosswalk, "02_aliases"}, {load.Decision, "03_decisions"}, {load.Closing, "08_closings"}} {
		if table := w.l.tables[in.format]; table != "" {
			if err := w.do(ctx, in.model, "{"+in.format+"}", table); err != nil {
				return err
			}
		}
	}
	return w.do(ctx, "04_settled")
}

// records takes the records of the chunk through versions, people, doses and
// what follows from them.
func (w *work) records(ctx context.Context) error {
	if err := w.do(ctx, "09_nothing_yet"); err != nil {
		return err
	}
	if err := w.arrive(ctx); err != nil {
		return err
	}
	everyone := w.c.mostlyNew()
	for _, m := range []string{"05_incoming", "10_version", "12_snapshot", "19_effect", "20_person", "20_touched"} {
		if err := w.do(ctx, m); err != nil {
			return err
		}
	}
	if !everyone {
		most, err := w.s.number(ctx, "count who is touched", "SELECT CASE WHEN (SELECT COUNT(DISTINCT RECIP) FROM TOUCHED) * 3 > (SELECT COUNT(*) FROM PERSON) THEN 1 ELSE 0 END AS N")
		if err != nil {
			return err
		}
		everyone = most == 1
	}
	return w.people(ctx, everyone)
}

// arrive brings the rows from where they landed, and says which older ones are
// read again.
func (w *work) arrive(ctx context.Context) error {
	if table := w.l.tables[events]; table != "" {
		cols := names(columns(events))
		if _, err := w.s.exec(ctx, "bring the rows", "INSERT INTO SEGMENT_ROW ("+cols+") SELECT "+cols+" FROM "+table); err != nil {
			return err
		}
	}
	if err := w.insert(ctx, "segment_in", w.c.segmentRows()); err != nil {
		return err
	}
	if _, err := w.s.exec(ctx, "forget the products", "DELETE FROM PRODUCT"); err != nil {
		return err
	}
	if err := w.insert(ctx, "product", w.d.products()); err != nil {
		return err
	}
	if rows, roots := w.c.replayRows(); len(rows) > 0 {
		err := w.do(ctx, "07_replayed", "{rows}", strings.Join(rows, ", "), "{events}", w.l.tables[events], "{replays}", w.l.tables[replays],
			"{roots}", "(select * from segment_row where filename in ("+strings.Join(roots, ", ")+"))")
		if err != nil {
			return err
		}
	}
	if anew, taken := w.c.anew(); len(anew) > 0 {
		if len(taken) == 0 {
			taken = []string{"''"}
		}
		err := w.do(ctx, "06_reread", "{files}", "(select * from segment_row where filename in ("+strings.Join(anew, ", ")+"))", "{snapshots}", strings.Join(taken, ", "))
		if err != nil {
			return err
		}
	}
	for _, s := range []string{"DELETE FROM WANTED_SEGMENT", "INSERT INTO WANTED_SEGMENT SELECT PATH FROM SEGMENT_IN WHERE FRESH OR EXISTS (SELECT 1 FROM REREAD)"} {
		if _, err := w.s.exec(ctx, "say what is read", s); err != nil {
			return err
		}
	}
	return nil
}

// people joins recipient ids into persons, and their events into doses.
func (w *work) people(ctx context.Context, everyone bool) error {
	scope, forget, due := "recip in (select recip from scope)", "25_forget_scope", "person_id in (select person_id from due_person)"
	if everyone {
		scope, forget, due = "true", "25_forget_all", "true"
	}
	for _, m := range []string{"20_scope_day", "20_candidate", "21_home", "22_link", "23_label_step", "24_person_write", forget, "26_part", "30_dose", "31_dose_step", "40_derive"} {
		if m == "20_scope_day" && everyone {
			continue
		}
		if err := w.do(ctx, m, "{in_scope}", scope, "{due}", due); err != nil {
			return err
		}
	}
	return nil
}
