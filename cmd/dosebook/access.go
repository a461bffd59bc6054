package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/dosebook/dosebook/access"
	"github.com/dosebook/dosebook/dose"
)

func accessCommand(e *env) *cobra.Command {
	c := &cobra.Command{Use: "access", Short: "Who may see what", Long: `Who may see what, from the signed agreement to the end of a grant.

With a steward's token in DOSEBOOK_STEWARD_TOKEN, commands that change access
are that steward's, and are decided by the steward's grant. Without one they
are those of the person at this machine, who holds the data anyway. Every
change is in the audit.`}
	token := &cobra.Command{Use: "token", Short: "Tokens for programs"}
	token.AddCommand(tokenCreate(e), tokenRotate(e), tokenRevoke(e))
	c.AddCommand(organisationCommand(e), requestCommand(e), requestsCommand(e), approveCommand(e), denyCommand(e),
		grantCommand(e), attestCommand(e), accessList(e), accessRevoke(e), clockCommand(e), noticesCommand(e), token)
	return c
}

// stewardToken names the variable, not the token.
const stewardToken = "DOSEBOOK_STEWARD_TOKEN"

// actor is who changes access: the steward whose token is set, if the one
// decision allows it; without a token, the person at this machine.
func (e *env) actor(ctx context.Context, s *access.Store) (string, error) {
	token := os.Getenv(stewardToken)
	if token == "" {
		return who(), nil
	}
	p, err := s.Authenticate(ctx, token)
	if err != nil {
		return "", fmt.Errorf("%s: %w", stewardToken, err)
	}
	if _, err = access.Decide(p, access.Manage, access.Resource{Kind: access.Grants}, e.now()); err != nil {
		return "", errors.Join(err, s.Audit(ctx, access.Entry{User: p.User, Token: p.Token, Action: "manage", Outcome: "denied"}))
	}
	return p.User, nil
}

// managing opens the data directory for a change by an actor.
func (e *env) managing(ctx context.Context, f func(s *access.Store, by string) error) error {
	b, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	by, err := e.actor(ctx, b.access)
	if err == nil {
		err = f(b.access, by)
	}
	if err == nil {
		e.keepMap(ctx, b)
	}
	return err
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
revoke it and make another, or attest that it is still needed. Once an
organisation's agreement is recorded, --agreement and --training are required.`,
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
			return e.managing(cmd.Context(), func(s *access.Store, by string) error {
				made, err := s.Grant(cmd.Context(), by, g)
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
