package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
	"github.com/dosebook/dosebook/load/duckdb"
	"github.com/dosebook/dosebook/pipelines"
)

func rejectsCloseCommand(e *env) *cobra.Command {
	var q pipelines.CloseRequest
	c := &cobra.Command{
		Use: "close [SEGMENT:LINE…]", Short: "Give refused records up, with a reason",
		Long: `Give refused records up: those named, or all that wait and that --code, --sender
or --segment choose. The reason, who and when are kept in the log, so they hold
after a rebuild too, and in the audit. Nothing is removed: the record stays, is
replayed no more, and 'rejects reopen' takes it up again. Name no person in the
reason.`,
		Example: `  dosebook rejects close 0d4f6b8a90112233:17 --registry CAIR2 --reason "clinic closed, chart lost"
  dosebook rejects close --registry CAIR2 --code HL7_TEST --reason "test messages"`,
		RunE: func(cmd *cobra.Command, args []string) error { return e.closeRejects(cmd.Context(), q, args) },
	}
	closeFlags(c, &q)
	return c
}

func rejectsReopenCommand(e *env) *cobra.Command {
	q := pipelines.CloseRequest{Reopen: true}
	c := &cobra.Command{
		Use: "reopen [SEGMENT:LINE…]", Short: "Take refused records up again that were given up",
		Example: `  dosebook rejects reopen 0d4f6b8a90112233:17 --registry CAIR2 --reason "the clinic found the chart"`,
		RunE:    func(cmd *cobra.Command, args []string) error { return e.closeRejects(cmd.Context(), q, args) },
	}
	closeFlags(c, &q)
	return c
}

func closeFlags(c *cobra.Command, q *pipelines.CloseRequest) {
	filterFlags(c, &q.Filter)
	c.Flags().StringVar(&q.Reason, "reason", "", "why, in a sentence (required)")
	_ = c.MarkFlagRequired("reason")
	_ = c.MarkFlagRequired("registry")
}

func (e *env) closeRejects(ctx context.Context, q pipelines.CloseRequest, args []string) error {
	chosen := q.Code + q.Sender + q.Segment
	if (len(args) == 0) == (chosen == "") {
		return fmt.Errorf("name records as SEGMENT:LINE, or choose them by --code, --sender, --segment: %w", dose.ErrInvalid)
	}
	for _, a := range args {
		ref, err := pipelines.ParseRef(a)
		if err != nil {
			return err
		}
		q.Refs = append(q.Refs, ref)
	}
	verb := "close"
	if q.Reopen {
		verb = "reopen"
	}
	b, err := e.openExisting(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	q.By = who()
	n := 0
	err = e.writing(ctx, "rejects "+verb, b, func(w *duckdb.DB) (err error) {
		what := strings.TrimSpace(strings.Join(append(args, q.Code, q.Sender, q.Segment), " "))
		q.Note = func(rejects int) error {
			return b.access.Audit(ctx, access.Entry{User: q.By, Action: "reject " + verb, Place: q.Registry, File: clipped(what), Rows: int64(rejects),
				Outcome: "allowed", Detail: clipped(q.Reason)})
		}
		n, err = e.runner(b, w).Close(ctx, q)
		return err
	})
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(map[string]int{"rejects": n})
	}
	e.say("%d rejects: %s", n, map[string]string{"close": "given up", "reopen": "open again"}[verb])
	return nil
}

// clipped bounds what a command line puts into the audit.
func clipped(s string) string {
	const most = 500
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// auditRecords writes down, before they are shown, that somebody looked at
// refused records.
func (b *book) auditRecords(ctx context.Context, action, registry, what string, n int) error {
	return b.access.Audit(ctx, access.Entry{User: who(), Action: action, Place: registry, File: what, Rows: int64(n), Outcome: "allowed"})
}

// auditHeld writes down, before it is done, what a steward decides on held
// payloads: those with the numbers, without any all of the feed.
func (e *env) auditHeld(ctx context.Context, f *pipelines.Feeds, action, feed string, ids []int64) error {
	if _, err := f.Find(feed); err != nil {
		return err
	}
	held, err := f.Book.Held(ctx, feed)
	if err != nil {
		return err
	}
	return e.with(ctx, func(s *access.Store) error {
		for _, h := range held {
			if len(ids) > 0 && !slices.Contains(ids, h.ID) {
				continue
			}
			entry := access.Entry{User: who(), Action: action, Place: h.Registry, File: h.SHA256[:16], Outcome: "allowed", Detail: fmt.Sprintf("feed %s, held %d", feed, h.ID)}
			if err := s.Audit(ctx, entry); err != nil {
				return err
			}
		}
		return nil
	})
}
