package snowflake

import (
	"context"
	"fmt"
	"strings"

	"github.com/dosebook/dosebook/load"
)

// Payload is what the ledger says of a segment beside its entry. What people
// see of payloads and of refused records there begins with it.
type Payload struct {
	load.Entry
	SHA256, Name     string
	Records, Rejects int64
}

// rejects is the kind of landing table of refused records.
const rejects = "reject"

// told asks the ledger for the payloads, and has the refused records sent that
// are not there: those of segments that arrive, and all of a store that is
// older than their table.
func (w *work) told(ctx context.Context) (err error) {
	if w.d.payloads == nil {
		return nil
	}
	if w.payloads, err = w.d.payloads(ctx, w.c.last); err != nil {
		return err
	}
	there := map[string]bool{}
	if !w.d.anew {
		err = w.s.query(ctx, "look which refused records are there", "SELECT DISTINCT FILENAME FROM SEGMENT_REJECT", func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			there[name] = true
			return err
		})
	}
	for _, p := range w.payloads {
		if p.Rejects > 0 && !there[key(p.Entry)] {
			w.c.files[rejects] = append(w.c.files[rejects], file{p.Entry, load.RejectFile})
		}
	}
	return err
}

// note writes what the ledger says of all payloads, whose times may have
// changed, and brings the refused records from where they landed.
func (w *work) note(ctx context.Context) error {
	if w.d.payloads == nil {
		return nil
	}
	rows := make([]string, len(w.payloads))
	for i, p := range w.payloads {
		rows[i] = fmt.Sprintf("(%s, %d, %s, %s, %s, %s, %s, %s, %d, %d, %d, %d)", quote(key(p.Entry)), p.Seq, quote(p.Registry), quote(p.Segment), quote(p.SHA256),
			quote(p.Name), quote(p.Format), quote(p.Action), p.SourceTime, p.Records, p.Rows, p.Rejects)
	}
	if _, err := w.s.exec(ctx, "forget the payloads", "DELETE FROM SEGMENT_PAYLOAD"); err != nil {
		return err
	}
	if err := w.insert(ctx, "SEGMENT_PAYLOAD", rows); err != nil {
		return err
	}
	table := w.l.tables[rejects]
	if table == "" {
		return nil
	}
	cols := strings.Replace(names(columns(rejects)), "place, ", "", 1)
	_, err := w.s.exec(ctx, "bring the refused records", "INSERT INTO SEGMENT_REJECT ("+cols+") SELECT "+cols+" FROM "+table)
	return err
}
