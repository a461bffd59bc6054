package release

import (
	"context"
	"fmt"
	"strings"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Database is what a DuckDB file is made of: the Parquet files of one place
// at one level, or of the de-identified records. Analysts find the names of
// DESIGN §5.2 in it: dose_event, dose, recipient, county_day (a place's own
// lines), feed_status, and release, which says what it is. reject and segment
// are the state's.
type Database struct {
	Manifest  *Manifest // the place's, or the root's
	Level     dose.Level
	DoseEvent string
	Recipient string
	CountyDay string // "" for none
}

// MakeDatabase makes a DuckDB file at dst and returns the rows of dose_event.
// Columns carry what they mean as comments.
func MakeDatabase(ctx context.Context, e Maker, d Database, dst string) (rows int64, err error) {
	defer dose.Wrap(&err, "make a database")
	texts := []string{"queries/database.sql"}
	reads := []string{d.DoseEvent, d.Recipient}
	if d.CountyDay != "" {
		texts, reads = append(texts, "queries/database_county_day.sql"), append(reads, d.CountyDay)
	}
	m := d.Manifest
	with := strings.NewReplacer("{release}", fmt.Sprintf("(%s, %d, %s, %s)", quote(m.ID), m.LedgerSeq, quote(m.Place), quote(d.Level.String())),
		"{feeds}", feedValues(m.Feeds), "{dose_event}", list(d.DoseEvent), "{recipient}", list(d.Recipient),
		"{county_day}", list(d.CountyDay), "{place}", quote(m.Place))
	var statements []string
	for _, name := range texts {
		all, err := sqltext.Statements(name)
		if err != nil {
			return 0, err
		}
		for _, s := range all {
			statements = append(statements, with.Replace(s))
		}
	}
	for _, t := range []string{"dose_event", "recipient"} {
		for _, c := range dose.Profile(tableColumns(t), d.Level) {
			statements = append(statements, fmt.Sprintf("comment on column %s.%s is %s", t, c.Name, quote(c.Meaning)))
		}
	}
	if err := e.Database(ctx, statements, dst, folders(reads)...); err != nil {
		return 0, err
	}
	f, p, err := openParquet(d.DoseEvent)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return p.NumRows(), nil
}

func feedValues(feeds []Feed) string {
	if len(feeds) == 0 {
		return "(null::varchar, null::timestamp, null::bigint, null::bigint, null::bigint, null::bigint)"
	}
	rows := make([]string, len(feeds))
	for i, f := range feeds {
		rows[i] = fmt.Sprintf("(%s, %s::timestamp, %d, %d, %d, %d)", quote(f.Registry), quote(f.Newest), f.LastSeq, f.Payloads, f.Records, f.Rejects)
	}
	return strings.Join(rows, ", ")
}
