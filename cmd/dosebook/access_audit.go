package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/release"
)

func auditCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Who did what"}
	c.AddCommand(auditList(e), auditShow(e), auditVerify(e), auditExport(e))
	return c
}

func auditList(e *env) *cobra.Command {
	var user, county, since string
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List audit entries, oldest first", Args: cobra.NoArgs,
		Long: `List audit entries, oldest first. With --county: who read files that hold people
of the county, each file once a day, the state's tables included.`,
		Example: "  dosebook audit list --user ana@alameda.example --json\n  dosebook audit list --county 06001 --since 2026-10-01",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				if county != "" {
					return e.whoSaw(cmd.Context(), s, county, since, limit)
				}
				entries, err := s.ListAudit(cmd.Context(), user, 0, limit)
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(entries)
				}
				w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ENTRY\tTIME\tUSER\tFROM\tACTION\tRELEASE\tPLACE\tFILE\tROWS\tOUTCOME\tDETAIL")
				for _, a := range entries {
					fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", a.Seq, a.Time.UTC().Format(time.RFC3339), a.User, a.Remote, a.Action, a.Release, a.Place, a.File, a.Rows, a.Outcome, a.Detail)
				}
				return w.Flush()
			})
		},
	}
	c.Flags().StringVar(&user, "user", "", "entries of this user only")
	c.Flags().StringVar(&county, "county", "", "who saw people of this county or city")
	c.Flags().StringVar(&since, "since", "", "with --county: from this day (YYYY-MM-DD, UTC)")
	c.Flags().IntVar(&limit, "limit", 1000, "at most so many")
	c.MarkFlagsMutuallyExclusive("user", "county")
	return c
}

func (e *env) whoSaw(ctx context.Context, s *access.Store, county, since string, limit int) error {
	place, err := dose.ParsePlace(county)
	if err != nil {
		return fmt.Errorf("--county %s: %w", county, err)
	}
	if _, err := time.Parse(time.DateOnly, since); since != "" && err != nil {
		return fmt.Errorf("--since %q: give a day such as 2026-10-01: %w", since, dose.ErrInvalid)
	}
	all, err := s.WhoSaw(ctx, place, since, limit)
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(all)
	}
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tUSER\tRELEASE\tPLACE\tFILE\tROWS\tENTRY")
	for _, r := range all {
		if r.Place == "" {
			r.Place = "state"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\n", r.Day, r.User, r.Release, r.Place, r.File, r.Rows, r.Seq)
	}
	return w.Flush()
}

func auditShow(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "show ENTRY", Short: "Show one entry with all that is known of it", Args: cobra.ExactArgs(1),
		Example: `  dosebook audit show 1204`,
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := idOf(args[0], "an entry", "audit list")
			if err != nil {
				return err
			}
			return e.with(cmd.Context(), func(s *access.Store) error {
				entries, err := s.ListAudit(cmd.Context(), "", seq-1, 1)
				if err != nil {
					return err
				}
				if len(entries) != 1 || entries[0].Seq != seq {
					return fmt.Errorf("there is no entry %d: %w", seq, dose.ErrNotFound)
				}
				if e.json {
					return e.printJSON(entries[0])
				}
				text, err := json.MarshalIndent(entries[0], "", "  ")
				e.say("%s", text)
				return err
			})
		},
	}
}

func auditVerify(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Prove that no entry was changed, removed or moved", Args: cobra.NoArgs,
		Long: `Prove that no entry was changed, removed or moved: each holds the hash of the
one before, and the head of the chain stands in the signed record of each
release (releases/<id>.gate.json), outside the database.`,
		Example: `  dosebook audit verify`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				n, err := s.VerifyAudit(cmd.Context())
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(map[string]any{"entries": n, "whole": true})
				}
				e.say("%d audit entries, the chain is whole", n)
				return nil
			})
		},
	}
}

func auditExport(e *env) *cobra.Command {
	var since int64
	c := &cobra.Command{
		Use: "export", Short: "Write all entries as JSON lines, with their hashes", Args: cobra.NoArgs,
		Long: `Write all entries as JSON lines {"entry":…,"hash":…}, oldest first, to keep them
elsewhere. A hash is SHA-256 of the hash before (32 zero bytes at the start) and
the entry's text, so that the copy proves itself.`,
		Example: `  dosebook audit export > audit-2026.ndjson`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				w := bufio.NewWriter(e.out)
				err := s.ExportAudit(cmd.Context(), since, func(entry json.RawMessage, hash string) error {
					_, err := fmt.Fprintf(w, "{\"entry\":%s,\"hash\":%q}\n", entry, hash)
					return err
				})
				return errors.Join(err, w.Flush())
			})
		},
	}
	c.Flags().Int64Var(&since, "since", 0, "only what follows this entry")
	return c
}

// auditMark is the head of the audit's chain now; nil before the first entry.
func (b *book) auditMark(ctx context.Context) (*release.Mark, error) {
	seq, hash, err := b.access.AuditHead(ctx)
	if err != nil || seq == 0 {
		return nil, err
	}
	return &release.Mark{Entry: seq, Hash: hex.EncodeToString(hash)}, nil
}

// auditHeads are the heads that the signed records of releases keep.
func (b *book) auditHeads() ([]access.Head, error) {
	keys, err := b.keys().Public()
	if err != nil && !errors.Is(err, dose.ErrNotFound) {
		return nil, err
	}
	marks, err := b.store.Marks(keys)
	var out []access.Head
	for id, of := range marks {
		for _, m := range of {
			out = append(out, access.Head{Seq: m.Entry, Hash: m.Hash, Kept: "the record of release " + id})
		}
	}
	return out, err
}
