package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
)

func accessList(e *env) *cobra.Command {
	var due int
	c := &cobra.Command{
		Use: "list [USER]", Short: "List grants and tokens", Args: cobra.MaximumNArgs(1),
		Example: "  dosebook access list ana@alameda.example\n  dosebook access list --due 30",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				name := strings.Join(args, "")
				if due > 0 {
					grants, err := s.Due(cmd.Context(), time.Duration(due)*24*time.Hour)
					if err != nil {
						return err
					}
					if e.json {
						return e.printJSON(map[string]any{"grants": grants})
					}
					return e.printAccess(grants, nil)
				}
				grants, err := s.List(cmd.Context(), name)
				if err != nil {
					return err
				}
				tokens, err := s.Tokens(cmd.Context(), name)
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(map[string]any{"grants": grants, "tokens": tokens})
				}
				return e.printAccess(grants, tokens)
			})
		},
	}
	c.Flags().IntVar(&due, "due", 0, "only the grants that expire within so many `DAYS`")
	return c
}

func (e *env) printAccess(grants []access.Grant, tokens []access.Token) error {
	w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GRANT\tUSER\tROLE\tLEVEL\tPLACES\tEXPIRES\tSTATE")
	for _, g := range grants {
		places, state := fmt.Sprint(g.Places), "in force"
		if g.All {
			places = "all"
		}
		switch {
		case !g.Revoked.IsZero():
			state = "revoked"
		case !g.Counts(e.now()):
			state = "expired"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", g.ID, g.User, g.Role, g.Level, places, g.Expires.Format(time.DateOnly), state)
	}
	fmt.Fprintln(w, "\nTOKEN\tUSER\tNAME\tEXPIRES\tLAST USED\tSTATE")
	for _, t := range tokens {
		used, state := "never", "in force"
		if !t.LastUsed.IsZero() {
			used = t.LastUsed.Format(time.RFC3339)
		}
		switch {
		case !t.Revoked.IsZero():
			state = "revoked"
		case !e.now().Before(t.Expires):
			state = "expired"
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.User, t.Name, t.Expires.Format(time.RFC3339), used, state)
	}
	return w.Flush()
}

func accessRevoke(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "revoke GRANT|USER", Short: "End a grant, or all of a user's, at once", Args: cobra.ExactArgs(1),
		Example: "  dosebook access revoke 3\n  dosebook access revoke ana@alameda.example",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.managing(cmd.Context(), func(s *access.Store, by string) error {
				if id, err := strconv.ParseInt(args[0], 10, 64); err == nil {
					return s.Revoke(cmd.Context(), by, id)
				}
				return s.RevokeUser(cmd.Context(), by, args[0])
			})
		},
	}
}

func clockCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "clock", Short: "Whether the clock is behind earlier entries, which shuts every door", Args: cobra.NoArgs,
		Example: `  dosebook access clock`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				seen, shut, err := s.Clock(cmd.Context())
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(map[string]any{"seen": seen, "now": e.now(), "shut": shut})
				}
				e.say("latest entry %s, the clock says %s; doors are %s", seen.Format(time.RFC3339), e.now().UTC().Format(time.RFC3339), map[bool]string{true: "shut", false: "open"}[shut])
				return nil
			})
		},
	}
	c.AddCommand(&cobra.Command{
		Use: "accept", Short: "Take the present time as right, after the clock ran ahead", Args: cobra.NoArgs,
		Example: `  dosebook access clock accept`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// Nobody's token can be judged while the clock is wrong.
			return e.with(cmd.Context(), func(s *access.Store) error { return s.AcceptClock(cmd.Context(), who()) })
		},
	})
	return c
}

func noticesCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "notices", Short: "What stewards were told: requests, expiry, unusual volume", Args: cobra.NoArgs,
		Example: `  dosebook access notices --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				all, err := s.Notices(cmd.Context(), 1000)
				if err != nil {
					return err
				}
				if e.json {
					if all == nil {
						all = []access.Notice{}
					}
					return e.printJSON(all)
				}
				for _, n := range all {
					e.say("%s  %-8s  %s", n.Day, n.Kind, n.Says)
				}
				return nil
			})
		},
	}
}
