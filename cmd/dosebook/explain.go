package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/transform"
)

func explainCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "explain REGISTRY/EVENT",
		Short: "Everything that is known of an event: versions, origin, and which rule decided",
		Long: `Tell all versions of an event with file and line, the findings on each, which
version counts and why, which other events are the same dose, with score and
rule, which recipient ids are the same person, and in which releases the event
appears. It shows ids, never a name or a date of birth.`,
		Example: `  dosebook explain CAIR2/CA00012345678
  dosebook explain CAIR2/CA00012345678 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			registry, id, ok := strings.Cut(args[0], "/")
			if !ok || registry == "" || id == "" {
				return fmt.Errorf("%q is not REGISTRY/EVENT, such as CAIR2/CA00012345678: %w", args[0], dose.ErrInvalid)
			}
			return e.explain(cmd.Context(), registry, id)
		},
	}
}

// explained is the JSON of explain.
type explained struct {
	*duckdb.Explanation
	Files    map[string]string `json:"files"` // segment -> name it first came under
	Releases []string          `json:"releases"`
}

func (e *env) explain(ctx context.Context, registry, id string) error {
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	known, err := b.ledger.List(ctx, 0)
	if err != nil {
		return err
	}
	segments, names := map[int64]load.Entry{}, map[string]string{}
	for _, k := range known {
		segments[k.Seq] = k.Entry
		names[k.Segment] = k.Name
	}
	x := explained{Files: map[string]string{}, Releases: []string{}}
	err = e.writing(ctx, "explain", b, func(w *duckdb.DB) (err error) {
		x.Explanation, err = w.Explain(ctx, registry, id, transform.Key, segments)
		return err
	})
	if err != nil {
		return err
	}
	for _, v := range x.Versions {
		x.Files[v.Segment] = names[v.Segment]
	}
	if x.Releases, err = releasesWith(b, x.Versions); err != nil {
		return err
	}
	if e.json {
		return e.printJSON(x)
	}
	e.printExplained(&x)
	return nil
}

// releasesWith lists the releases in which the event appears: at their ledger
// position its latest version was no tombstone.
func releasesWith(b *book, versions []duckdb.Version) ([]string, error) {
	ids, err := b.store.List()
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, id := range ids {
		m, err := b.store.Manifest(id)
		if err != nil {
			return nil, err
		}
		var best *duckdb.Version
		for i := range versions {
			v := &versions[i]
			if v.LedgerSeq <= m.LedgerSeq && (best == nil || v.SourceTime > best.SourceTime || v.SourceTime == best.SourceTime && v.Place > best.Place) {
				best = v
			}
		}
		if best != nil && !best.Tombstone {
			out = append(out, id)
		}
	}
	return out, nil
}

func (e *env) printExplained(x *explained) {
	e.say("%s/%s", x.Registry, x.EventID)
	for _, a := range x.Aliases {
		e.say("  moved: %s", a)
	}
	e.say("\nversions")
	for _, v := range x.Versions {
		mark, dead := " ", ""
		if v.Current {
			mark = "*"
		}
		if v.Tombstone {
			dead = ", deletes the event"
		}
		e.say("%s %s  %s line %d, ledger %d, %s%s", mark, v.ReportedAt, x.Files[v.Segment], v.Line, v.LedgerSeq, v.Action, dead)
		for _, i := range v.Issues {
			e.say("      %s", i)
		}
	}
	e.say("  * counts: %s", x.Why)
	e.say("\ndose")
	for _, m := range x.Dose {
		what := "the same dose, does not count again"
		if m.Primary {
			what = fmt.Sprintf("counts, dose %d of the person", m.Ordinal)
		}
		e.say("  %s/%s on %s: %s", m.Registry, m.EventID, m.AdminDate, what)
	}
	for _, p := range x.Pairs {
		e.say("  beside %s/%s, %d days apart: %s by rule %s (score %.2f, vote %+d)", p.Registry, p.EventID, p.Gap, p.Verdict, p.Rule, p.Score, p.Vote)
	}
	e.say("\nperson")
	for _, r := range x.Person {
		held := ""
		if r.Held {
			held = " (held for review: too many ids)"
		}
		e.say("  %s/%s%s", r.Registry, r.ID, held)
	}
	e.say("\nreleases: %s", strings.Join(x.Releases, ", "))
}
