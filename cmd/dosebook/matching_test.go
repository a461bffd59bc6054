package main

import (
	"context"
	"io"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
	"github.com/dosebook/dosebook/synth"
)

// TestMatching holds the store's doses and persons against the truth of two
// registries that know 15 in 100 persons under ids of their own.
func TestMatching(t *testing.T) {
	clean := synth.DefaultOverlap()
	clean.Typos = 0
	crosswalk := clean
	crosswalk.Crosswalk = 0.5
	for _, c := range []struct {
		name    string
		overlap synth.Overlap
		least   float64 // precision and recall of doses and persons
	}{
		{"clean names", clean, 0.99},
		{"half of the ids in a crosswalk", crosswalk, 0.99},
		{"3 in 100 second ids with a typing error", synth.DefaultOverlap(), 0.95},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.name != "clean names" {
				t.Skip("one is enough with -short")
			}
			score := matching(t, synth.Config{Seed: 11, Rows: size(6_000, 20_000, 500_000), Registries: []string{"CAIR2", "RIDE"},
				Defects: synth.DefaultDefects(), Overlap: c.overlap})
			t.Logf("\n%s", score)
			for what, got := range map[string]float64{"dose precision": score.Doses.Precision(), "dose recall": score.Doses.Recall(),
				"person precision": score.Persons.Precision(), "person recall": score.Persons.Recall()} {
				if got < c.least {
					t.Errorf("%s is %.4f, less than %.2f", what, got, c.least)
				}
			}
			// An event whose id moved stands under its new one.
			if score.Missing > 0 && c.overlap.Crosswalk == 0 || score.Unknown > 0 {
				t.Errorf("%d true events are missing, %d are unknown", score.Missing, score.Unknown)
			}
		})
	}
}

// matching loads what synth writes and scores what the release says.
func matching(t *testing.T, cfg synth.Config) *synth.Score {
	t.Helper()
	dir := t.TempDir()
	truth, err := synth.Write(t.Context(), filepath.Join(dir, "in"), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &env{data: filepath.Join(dir, "data"), out: io.Discard, err: io.Discard, now: time.Now}
	if err := e.readConfig(nil); err != nil {
		t.Fatal(err)
	}
	b, err := e.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	reqs := deliveries(filepath.Join(dir, "in"), truth)
	crosswalks, err := filepath.Glob(filepath.Join(dir, "in", "crosswalk", "*", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range crosswalks {
		reqs = append(reqs, pipelines.Request{Registry: cfg.Registries[0], Format: load.Crosswalk, Action: "A", Limit: 1, Paths: []string{path}})
	}
	var id string
	err = e.writing(t.Context(), "test", b, func(w *duckdb.DB) error {
		if _, err := e.load(t.Context(), b, w, reqs...); err != nil {
			return err
		}
		m, err := e.buildFrom(t.Context(), b, w, 0)
		if err == nil {
			id = m.ID
			found, checkErr := w.Check(t.Context())
			if len(found) > 0 {
				t.Errorf("invariants: %v", found)
			}
			err = checkErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "in", synth.EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	score, err := synth.Evaluate(f, got(t.Context(), e, b, id))
	if err != nil {
		t.Fatal(err)
	}
	return score
}

// got reads events with their persons and doses from a release.
func got(ctx context.Context, e *env, b *book, id string) iter.Seq2[synth.Got, error] {
	return func(yield func(synth.Got, error) bool) {
		r, tmp, err := e.reader(ctx, b, id)
		if err != nil {
			yield(synth.Got{}, err)
			return
		}
		defer os.RemoveAll(tmp)
		defer r.Close()
		rows, err := r.Query(ctx, "select registry, vax_event_id, person_id, dose_id from dose_event")
		if err != nil {
			yield(synth.Got{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var g synth.Got
			err := rows.Scan(&g.Registry, &g.EventID, &g.Person, &g.Dose)
			if !yield(g, err) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(synth.Got{}, err)
		}
	}
}
