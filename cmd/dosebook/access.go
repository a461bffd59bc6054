package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

func accessCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "access", Short: "Who may see what"}
	token := &cobra.Command{Use: "token", Short: "Tokens for programs"}
	token.AddCommand(tokenCreate(e), tokenRevoke(e))
	c.AddCommand(grantCommand(e), accessList(e), accessRevoke(e), token)
	return c
}

// who is the person at this machine, for the audit.
func who() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "local:" + u.Username
	}
	return "local:" + strconv.Itoa(os.Getuid())
}

// with opens the data directory for an access command.
func (e *env) with(ctx context.Context, f func(*access.Store) error) error {
	b, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	return f(b.access)
}

func grantCommand(e *env) *cobra.Command {
	var counties []string
	var role, level, expires string
	g := access.Grant{}
	c := &cobra.Command{
		Use:   "grant USER --county 06001[,…|all] --role ROLE --level LEVEL --expires DATE",
		Short: "Let a user see counties, up to a level, until a day",
		Long: `Let a user see the files of counties (or berkeley, long-beach, pasadena), up to
a level, until a day. The first grant makes the user. A grant never changes:
revoke it and make another.`,
		Example: `  dosebook access grant ana@alameda.example --county 06001 --role epi --level identified --expires 2027-06-30`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			g.User = args[0]
			if g.Role, err = access.ParseRole(role); err != nil {
				return err
			}
			if g.Level, err = dose.ParseLevel(level); err != nil {
				return err
			}
			if g.Expires, err = endOf(expires, e.now()); err != nil {
				return err
			}
			if err := setCounties(&g, counties); err != nil {
				return err
			}
			return e.with(cmd.Context(), func(s *access.Store) error {
				made, err := s.Grant(cmd.Context(), who(), g)
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(made)
				}
				e.say("grant %d: %s may see %s as %s, %s, until %s", made.ID, made.User, strings.Join(counties, ", "), made.Role, made.Level, made.Expires.Format(time.RFC3339))
				return nil
			})
		},
	}
	f := c.Flags()
	f.StringSliceVar(&counties, "county", nil, "FIPS codes, berkeley, long-beach, pasadena, or all (required)")
	f.StringVar(&role, "role", "epi", "steward, epi, reporter, analyst, plan or auditor")
	f.StringVar(&level, "level", "identified", "identified, limited or deidentified")
	f.StringVar(&expires, "expires", "", "last day (YYYY-MM-DD) or a span such as 90d, 24h (required)")
	f.StringVar(&g.Agreement, "agreement", "", "number of the data access agreement")
	f.StringVar(&g.Training, "training", "", "day of the privacy training (YYYY-MM-DD)")
	f.StringVar(&g.Purpose, "purpose", "", "what the records are for")
	_ = c.MarkFlagRequired("county")
	_ = c.MarkFlagRequired("expires")
	return c
}

func setCounties(g *access.Grant, counties []string) error {
	for _, s := range counties {
		if s == "all" {
			g.All = true
			continue
		}
		p, err := dose.ParsePlace(s)
		if err != nil {
			return fmt.Errorf("--county %s: %w", s, err)
		}
		g.Places = append(g.Places, p)
	}
	if g.All && len(g.Places) > 0 {
		return fmt.Errorf("--county: all, or a list, not both: %w", dose.ErrInvalid)
	}
	return nil
}

// endOf reads the end of a grant or token: a day, which counts to its end, or
// a span from now.
func endOf(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(d), nil
	}
	return time.Time{}, fmt.Errorf("--expires %q: give a day such as 2027-06-30, or a span such as 90d or 24h: %w", s, dose.ErrInvalid)
}

func accessList(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "list [USER]", Short: "List grants and tokens", Args: cobra.MaximumNArgs(1),
		Example: `  dosebook access list ana@alameda.example`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				name := strings.Join(args, "")
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
			return e.with(cmd.Context(), func(s *access.Store) error {
				if id, err := strconv.ParseInt(args[0], 10, 64); err == nil {
					return s.Revoke(cmd.Context(), who(), id)
				}
				return s.RevokeUser(cmd.Context(), who(), args[0])
			})
		},
	}
}

func tokenCreate(e *env) *cobra.Command {
	var expires, name string
	c := &cobra.Command{
		Use: "create USER", Short: "Make a token and print it, once", Args: cobra.ExactArgs(1),
		Long: `Make a token for a user and print it on the last line: the only time it is
ever shown. What is kept is its hash.`,
		Example: `  TOKEN=$(dosebook access token create ana@alameda.example --expires 24h | tail -n 1)`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var end time.Time
			var err error
			if expires != "" {
				if end, err = endOf(expires, e.now()); err != nil {
					return err
				}
			}
			return e.with(cmd.Context(), func(s *access.Store) error {
				plain, t, err := s.CreateToken(cmd.Context(), who(), args[0], name, end)
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(map[string]any{"token": plain, "id": t.ID, "expires": t.Expires})
				}
				e.say("token %d of %s, until %s; it is shown this once:", t.ID, t.User, t.Expires.Format(time.RFC3339))
				e.say("%s", plain)
				return nil
			})
		},
	}
	c.Flags().StringVar(&expires, "expires", "", "last day, or a span such as 24h, 90d (default 90d)")
	c.Flags().StringVar(&name, "name", "", "what it is for")
	return c
}

func tokenRevoke(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End a token at once", Args: cobra.ExactArgs(1),
		Example: `  dosebook access token revoke 3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("a token's id is a number; see 'dosebook access list': %w", dose.ErrInvalid)
			}
			return e.with(cmd.Context(), func(s *access.Store) error { return s.RevokeToken(cmd.Context(), who(), id) })
		},
	}
}

func auditCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Who did what"}
	var user string
	var limit int
	list := &cobra.Command{
		Use: "list", Short: "List audit entries, oldest first", Args: cobra.NoArgs,
		Example: `  dosebook audit list --user ana@alameda.example --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.with(cmd.Context(), func(s *access.Store) error {
				entries, err := s.ListAudit(cmd.Context(), user, 0, limit)
				if err != nil {
					return err
				}
				if e.json {
					return e.printJSON(entries)
				}
				w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "TIME\tUSER\tACTION\tRELEASE\tPLACE\tFILE\tROWS\tOUTCOME\tDETAIL")
				for _, a := range entries {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", a.Time.UTC().Format(time.RFC3339), a.User, a.Action, a.Release, a.Place, a.File, a.Rows, a.Outcome, a.Detail)
				}
				return w.Flush()
			})
		},
	}
	list.Flags().StringVar(&user, "user", "", "entries of this user only")
	list.Flags().IntVar(&limit, "limit", 1000, "at most so many")
	check := &cobra.Command{
		Use: "verify", Short: "Prove that no entry was changed, removed or moved", Args: cobra.NoArgs,
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
	c.AddCommand(list, check)
	return c
}
