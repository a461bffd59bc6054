package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
	sqltext "github.com/dosebook/dosebook/sql"
	"github.com/dosebook/dosebook/synth"
)

// demoMark is in every folder that demo made, and lets it start anew there.
const demoMark = "synthetic"

func demoCommand(e *env) *cobra.Command {
	var rows int
	var seed uint64
	var noServe bool
	var listen string
	c := &cobra.Command{
		Use:   "demo",
		Short: "A guided first look: synthetic registries → ingest → release → serve",
		Long: `Make synthetic registries that look like California, with repeated, corrected,
deleted, late and unusable records; load them, make a release, compare its
counts with the truth that the generator wrote down, and serve it.

No person in it is real. The folder (--data, default ./dosebook-demo) is made
anew each time.`,
		Example: `  dosebook demo
  dosebook demo --rows 1000000 --no-serve --data /var/tmp/demo`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("data") && os.Getenv("DOSEBOOK_DATA") == "" && e.config.Data == "" {
				e.data = filepath.Join(filepath.Dir(e.data), "dosebook-demo")
			}
			if listen == "" {
				listen = e.config.Listen
			}
			return e.demo(cmd.Context(), rows, seed, noServe, listen)
		},
	}
	c.Flags().IntVar(&rows, "rows", 200_000, "events that are reported")
	c.Flags().Uint64Var(&seed, "seed", 1, "seed of the synthetic registries")
	c.Flags().BoolVar(&noServe, "no-serve", false, "stop after the release")
	c.Flags().StringVar(&listen, "listen", "", "address to serve on")
	return c
}

// told is the JSON of demo.
type told struct {
	Data    string           `json:"data"`
	Release string           `json:"release"`
	Files   int              `json:"files"`
	Totals  pipelines.Totals `json:"totals"`
	Truth   synth.Totals     `json:"truth"`
	Differs []string         `json:"differs"` // figures that are not the truth's
}

func (e *env) demo(ctx context.Context, rows int, seed uint64, noServe bool, listen string) error {
	if err := e.freshDemo(); err != nil {
		return err
	}
	in := filepath.Join(e.data, demoMark)
	e.say("1  writing what three registries would send (%d events): CAIR2 as CVRS files, SDIR as HL7 batches, RIDE as a FHIR server", rows)
	truth, err := synth.Write(ctx, in, synth.Config{Seed: seed, Rows: rows, Defects: synth.DefaultDefects(), Overlap: demoOverlap, Formats: demoFormats},
		e.rows("writing synthetic files"))
	if err != nil {
		return err
	}
	b, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	t := told{Data: e.data, Truth: truth.Totals}
	e.say("2  loading: CAIR2's files in the order they arrived, SDIR's from a drop folder, RIDE's by bulk export")
	var refused int64
	if t.Totals, refused, err = e.demoLoad(ctx, b, in, truth); err != nil {
		return err
	}
	e.say("3  making the county files")
	err = e.writing(ctx, "demo", b, func(w *duckdb.DB) error {
		m, err := e.buildFrom(ctx, b, w, 0)
		if err != nil {
			return err
		}
		t.Release, t.Files = m.ID, len(m.Files)
		x, err := b.withGate(m)
		return errors.Join(err, x.outcome())
	})
	if err != nil {
		return err
	}
	e.say("4  checking every file's hash, and every count against the truth")
	if t.Differs, err = e.compare(ctx, b, t.Release, truth); err != nil {
		return err
	}
	if want := demoRejects(truth); refused != want {
		t.Differs = append(t.Differs, fmt.Sprintf("%d records of CAIR2 and SDIR were refused, the truth has %d", refused, want))
	}
	if err := e.tell(&t); err != nil || noServe {
		return err
	}
	return e.demoServe(ctx, b, t.Release, listen)
}

// freshDemo empties a folder that an earlier demo made, and refuses any other
// that holds something.
func (e *env) freshDemo() error {
	entries, err := os.ReadDir(e.data)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return os.MkdirAll(filepath.Join(e.data, demoMark), 0o700)
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(e.data, demoMark)); err != nil {
		return fmt.Errorf("%s holds something that demo did not make; give another folder with --data: %w", e.data, dose.ErrInvalid)
	}
	lease, err := pipelines.Acquire(e.data, "demo", e.now())
	if err != nil {
		return err
	}
	defer lease.Release()
	for _, x := range entries {
		if x.Name() == "lease" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(e.data, x.Name())); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(e.data, demoMark), 0o700)
}

// compare verifies the release and holds county_day and the county files
// against the truth. It returns the figures that differ.
func (e *env) compare(ctx context.Context, b *book, id string, truth *synth.Truth) ([]string, error) {
	differs, _, _, err := b.store.Verify(id)
	if err != nil {
		return nil, err
	}
	r, tmp, err := e.reader(ctx, b, id)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	defer r.Close()
	query, err := sqltext.Text("queries/demo_county_day.sql")
	if err != nil {
		return nil, err
	}
	rows, err := r.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	got := map[string]map[string][6]int{}
	for rows.Next() {
		var fips string
		var day time.Time
		var v [6]int
		if err := rows.Scan(&fips, &day, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5]); err != nil {
			return nil, err
		}
		if got[fips] == nil {
			got[fips] = map[string][6]int{}
		}
		got[fips][day.Format(time.DateOnly)] = v
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	differs = append(differs, compareDays(got, cmpDays(truth))...)
	bad, err := e.compareRows(b, id, truth)
	return append(differs, bad...), err
}

// cmpDays is what each place's doses and people truly were: with an overlap,
// many reports tell of one dose.
func cmpDays(truth *synth.Truth) map[string]map[string][6]int {
	if truth.CountyDayTrue != nil {
		return truth.CountyDayTrue
	}
	return truth.CountyDay
}

func compareDays(got, want map[string]map[string][6]int) (differs []string) {
	places := slices.Sorted(maps.Keys(want))
	for p := range got {
		if want[p] == nil {
			places = append(places, p)
		}
	}
	for _, p := range places {
		n := 0
		for day, v := range want[p] {
			if got[p][day] != v {
				n++
			}
		}
		for day, v := range got[p] {
			if _, ok := want[p][day]; !ok && v != [6]int{} {
				n++
			}
		}
		if n > 0 {
			differs = append(differs, fmt.Sprintf("county_day of %s: %d days differ from the truth", p, n))
		}
	}
	return differs
}

// compareRows holds the row counts of the county files against the truth.
func (e *env) compareRows(b *book, id string, truth *synth.Truth) (differs []string, err error) {
	m, err := b.store.Manifest(id)
	if err != nil {
		return nil, err
	}
	check := func(place string, want int) {
		f, ok := m.File("counties/" + place + "/dose_event.parquet")
		if !ok || f.Rows != int64(want) {
			differs = append(differs, fmt.Sprintf("dose_event of %s has %d rows, the truth %d", place, f.Rows, want))
		}
	}
	for _, p := range dose.Places() {
		rows := truth.Rows[string(p)]
		if n, city := truth.Cities[string(p)]; city {
			check(string(p), n)
		} else {
			check(string(p), rows[0]+rows[1]+rows[2])
		}
	}
	return differs, nil
}

// tell prints what happened.
func (e *env) tell(t *told) error {
	if e.json {
		if t.Differs == nil {
			t.Differs = []string{}
		}
		if err := e.printJSON(t); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
		n := t.Totals
		fmt.Fprintf(w, "\nfiles\t%d\tof them known already: %d (the same bytes under another name)\n", n.Payloads, n.Duplicates)
		fmt.Fprintf(w, "rows in\t%d\t\n", n.Records)
		fmt.Fprintf(w, "added\t%d\t\nupdated\t%d\tcorrections that took the place of an older version\n", n.Adds, n.Updates)
		fmt.Fprintf(w, "deleted\t%d\t\nunchanged\t%d\trepeats, and versions older than what was known\n", n.Deletes, n.Unchanged)
		fmt.Fprintf(w, "refused\t%d\teach kept with line, field, code and remedy\n", n.Rejects)
		_ = w.Flush()
	}
	if len(t.Differs) > 0 {
		return errors.New("the release is not the truth: " + fmt.Sprint(t.Differs))
	}
	e.say("\nrelease %s: %d files, each verified; every count of county_day and of the county files equals the truth", t.Release, t.Files)
	return nil
}

// demoServe makes a county epidemiologist and serves, with what to try next.
func (e *env) demoServe(ctx context.Context, b *book, id, listen string) error {
	const epi, county = "epi@alameda.example", "06001"
	end := e.now().Add(24 * time.Hour)
	_, err := b.access.Grant(ctx, who(), access.Grant{User: epi, Role: access.Epi, Places: []dose.Place{county},
		Level: dose.Identified, Expires: end, Purpose: "demo"})
	if err != nil {
		return err
	}
	token, _, err := b.access.CreateToken(ctx, who(), epi, "demo", end)
	if err != nil {
		return err
	}
	return e.serve(ctx, b, listen, func(addr string) {
		base := "http://" + addr + "/api/v1/releases/latest"
		e.say(`
Alameda County's epidemiologist has a token for a day. Try, in another terminal:

  curl -OJL -H "Authorization: Bearer %[1]s" \
    %[2]s/counties/%[3]s/dose_event.csv.gz

  curl -L -H "Authorization: Bearer %[1]s" \
    %[2]s/counties/06075/dose.csv          # San Francisco: refused, with a reason

  dosebook sql --data %[4]s "select code, remedy, count(*) from reject group by all"

Serving on http://%[5]s until you press Ctrl-C.`, token, base, county, e.data, addr)
	})
}
