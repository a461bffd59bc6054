package snowflake

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// Governor applies plans and keeps the mapping table. It is not for concurrent
// use. Two that apply one plan at once do the same twice: each statement does
// no harm when it is repeated.
type Governor struct {
	db       *sql.DB
	c        Config
	getenv   func(string) string
	now      func() time.Time
	own, log *session // statements, each under its role; and what stands of them
}

// Govern signs in to apply plans: role is that of the session, which must be
// able to take on the plan's; empty is the configuration's own.
func OpenGovernor(ctx context.Context, c Config, role string, o Options) (_ *Governor, err error) {
	defer dose.Wrap(&err, "open the Snowflake account")
	if err := c.Check(); err != nil {
		return nil, err
	}
	if role != "" && !identifier.MatchString(role) {
		return nil, fmt.Errorf("the role is no plain name: %w", dose.ErrInvalid)
	}
	g := &Governor{c: c, getenv: o.Getenv, now: o.Now}
	if g.getenv == nil {
		g.getenv = os.Getenv
	}
	if g.now == nil {
		g.now = time.Now
	}
	secret, err := c.credentials(g.getenv)
	if err != nil {
		return nil, err
	}
	signIn := c
	signIn.Role = cmp.Or(role, c.Role)
	if g.db, err = pool(signIn, secret); err != nil {
		return nil, err
	}
	for _, s := range []**session{&g.own, &g.log} {
		d := DB{db: g.db}
		if *s, err = d.session(ctx, "dosebook:govern"); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

// Close signs out.
func (g *Governor) Close() error {
	var err error
	for _, s := range []*session{g.own, g.log} {
		if s != nil {
			err = errors.Join(err, s.close())
		}
	}
	return errors.Join(err, g.db.Close())
}

// What became of a statement.
const (
	Done    = "done"
	Stands  = "stands"   // it was applied before, and nothing before it has changed
	LeftOut = "left out" // an emulator can't run it
)

// Outcome is what became of a statement of a plan.
type Outcome struct {
	Statement
	Number, Of int
	Outcome    string
	Why        string // it was left out
	QueryID    string
}

// ApplyOptions say how a plan is applied.
type ApplyOptions struct {
	Emulator bool                // leave out what an emulator of Snowflake can't run
	Each     func(Outcome) error // told of each statement, in order
}

// Apply runs the statements of a plan in order, one at a time, and notes each
// in the account when it is done. It stops at the first that fails and says its
// number, its place and Snowflake's query id; another Apply goes on there. A
// statement that stands is not run again, unless it or one before it changed.
func (g *Governor) Apply(ctx context.Context, plan []Statement, o ApplyOptions) (err error) {
	defer dose.Wrap(&err, "apply the plan")
	var stands map[string]string
	role := ""
	for i, s := range plan {
		out := Outcome{Statement: s, Number: i + 1, Of: len(plan), Outcome: Done}
		ledger := strings.HasPrefix(s.Slot, "00_")
		if !ledger && stands == nil {
			if stands, err = g.standing(ctx); err != nil {
				return err
			}
		}
		switch why := cannot(s.Text); {
		case o.Emulator && why != "":
			out.Outcome, out.Why = LeftOut, why
		case !ledger && stands[s.Slot] == s.Hash:
			out.Outcome = Stands
		default:
			if err := g.take(ctx, &role, s.Role); err != nil {
				return out.failed(err)
			}
			if out.QueryID, err = g.run(ctx, s, o.Emulator); err != nil {
				return out.failed(err)
			}
			if !ledger {
				if err := g.note(ctx, out); err != nil {
					return out.failed(err)
				}
			}
		}
		if o.Each != nil {
			if err := o.Each(out); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o Outcome) failed(err error) error {
	hint := ""
	if strings.HasPrefix(o.Slot, "11_") {
		hint = " (the tables are made by the first 'dosebook warehouse follow')"
	}
	return fmt.Errorf("statement %d of %d, sql/governance %s, as %s%s: %w", o.Number, o.Of, o.Slot, o.Role, hint, err)
}

// take takes on the role of the next statement.
func (g *Governor) take(ctx context.Context, now *string, role string) error {
	if *now == role {
		return nil
	}
	if _, err := g.own.exec(ctx, "take the role "+role, "USE ROLE "+role); err != nil {
		return err
	}
	*now = role
	return nil
}

// run sends a statement. A secret is filled in here and stands nowhere else.
func (g *Governor) run(ctx context.Context, s Statement, emulator bool) (id string, err error) {
	text := s.Text
	if s.Secret != "" {
		secret := g.getenv(s.Secret)
		if secret == "" {
			return "", fmt.Errorf("the environment has no %s: %w", s.Secret, dose.ErrInvalid)
		}
		text = strings.ReplaceAll(text, "'{password}'", quote(secret))
	}
	if emulator {
		text = forEmulator(text)
	}
	with, queryID := withQueryID(ctx)
	_, err = g.own.exec(with, "run it", text)
	if n, _, _, ok := answer(err); err != nil && s.once && ok && n == 2002 {
		err = nil // it is there from an attempt that ended before it was noted
	}
	return queryID(), err
}

// standing reads the newest hash of each slot.
func (g *Governor) standing(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := g.log.query(ctx, "read what was applied", "SELECT SLOT, HASH FROM "+g.c.Database+".GOVERN.APPLIED_STATEMENT ORDER BY APPLIED_AT", func(scan func(...any) error) error {
		var slot, hash string
		err := scan(&slot, &hash)
		out[slot] = hash
		return err
	})
	return out, err
}

func (g *Governor) note(ctx context.Context, o Outcome) error {
	_, err := g.log.exec(ctx, "note it", "INSERT INTO "+g.c.Database+".GOVERN.APPLIED_STATEMENT SELECT ?, ?, ?, ?, TO_TIMESTAMP_NTZ(?, 6)",
		o.Slot, o.Hash, o.Outcome, o.QueryID, g.now().UnixMicro())
	return err
}
