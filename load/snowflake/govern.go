package snowflake

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// Govern says who beside the loader has a part in the account: roles,
// warehouses, quotas, networks, and accounts that read through the share
// (ADR 0015). All may be left out.
type Govern struct {
	Governor       string          `yaml:"governor"`        // role that owns policies and views; empty: DOSEBOOK_GOVERNOR
	Reader         string          `yaml:"reader"`          // role of who asks; empty: DOSEBOOK_READER
	ReadWarehouse  string          `yaml:"read_warehouse"`  // that pays for them; empty: DOSEBOOK_READ
	LoadCredits    int             `yaml:"load_credits"`    // a month, then somebody is told; empty: 100
	ReadCredits    int             `yaml:"read_credits"`    // a month, then readers are stopped; empty: 100
	Network        []string        `yaml:"network"`         // addresses the loader signs in from, such as 192.0.2.0/24
	ShareWith      []string        `yaml:"share_with"`      // accounts, as ORG.ACCOUNT
	ReaderAccounts []ReaderAccount `yaml:"reader_accounts"` // to be made, for counties that have none
	KeepMap        bool            `yaml:"keep_map"`        // bring the mapping table in step after each load and change of access
}

// ReaderAccount is an account that Snowflake keeps for who has none.
type ReaderAccount struct {
	Name        string `yaml:"name"`
	Admin       string `yaml:"admin"`
	PasswordEnv string `yaml:"password_env"`
}

var sharedAccount = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*\.[A-Za-z][A-Za-z0-9_]*$`)

// check tells every mistake in it.
func (g Govern) check() error {
	var all []error
	no := func(bad bool, text string, args ...any) {
		if bad {
			all = append(all, fmt.Errorf("snowflake.govern: "+text+": %w", append(args, dose.ErrInvalid)...))
		}
	}
	for _, f := range []struct{ name, value string }{{"governor", g.Governor}, {"reader", g.Reader}, {"read_warehouse", g.ReadWarehouse}} {
		no(f.value != "" && !identifier.MatchString(f.value), "%s is no plain name", f.name)
	}
	no(g.LoadCredits < 0 || g.ReadCredits < 0, "credits are not negative")
	for _, n := range g.Network {
		_, prefix := netip.ParsePrefix(n)
		_, address := netip.ParseAddr(n)
		no(prefix != nil && address != nil, "network %q is no address and no range such as 192.0.2.0/24", n)
	}
	for _, a := range g.ShareWith {
		no(!sharedAccount.MatchString(a), "share_with %q is not ORG.ACCOUNT", a)
	}
	for _, a := range g.ReaderAccounts {
		no(!identifier.MatchString(a.Name) || !identifier.MatchString(a.Admin) || a.PasswordEnv == "", "a reader account has name and admin, plain names, and password_env")
	}
	return errors.Join(all...)
}

// Statement is one of the plan.
type Statement struct {
	Slot   string `json:"slot"` // its file and its place there, the same from plan to plan
	Role   string `json:"role"`
	Text   string `json:"text"`
	Hash   string `json:"hash"`             // of it and all before it: what follows a change is applied again
	Secret string `json:"secret,omitempty"` // environment variable whose value stands for {password}
	once   bool   // a second time is refused as made already
}

// Plan returns the statements that bring an account to what sql/governance
// says, in the order in which they are applied. The same configuration gives
// the same plan; nothing is asked of the account.
func Plan(c Config) (_ []Statement, err error) {
	defer dose.Wrap(&err, "plan the account")
	if c.User == "" {
		return nil, fmt.Errorf("snowflake: user is missing: roles are granted to it: %w", dose.ErrInvalid)
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	p := &planner{c: c}
	if err := p.names(); err != nil {
		return nil, err
	}
	for _, f := range []func() error{
		p.files("00_ledger", "01_roles", "02_schemas", "03_account", "04_grants", "05_map", "06_row_policies"), p.masks,
		p.files("08_use"), p.network, p.files("10_unload", "11_rows", "12_publish", "13_share"), p.accounts, p.files("16_alerts"),
	} {
		if err := f(); err != nil {
			return nil, err
		}
	}
	before := ""
	for i := range p.out {
		s := &p.out[i]
		sum := sha256.Sum256([]byte(before + "\n" + s.Slot + "\n" + s.Role + "\n" + s.Text))
		s.Hash = hex.EncodeToString(sum[:16])
		before = s.Hash
	}
	return p.out, nil
}

// planner fills the texts of sql/governance.
type planner struct {
	c    Config
	with []string // names in brackets and what stands for them
	out  []Statement
}

func (p *planner) names() error {
	g := p.c.Govern
	p.with = []string{
		"{database}", p.c.Database, "{core}", cmp.Or(p.c.Schema, "CORE"), "{loader}", p.c.Role, "{user}", quoteName(p.c.User), "{load_warehouse}", p.c.Warehouse,
		"{governor}", cmp.Or(g.Governor, "DOSEBOOK_GOVERNOR"), "{reader}", cmp.Or(g.Reader, "DOSEBOOK_READER"), "{read_warehouse}", cmp.Or(g.ReadWarehouse, "DOSEBOOK_READ"),
		"{load_credits}", strconv.Itoa(cmp.Or(g.LoadCredits, 100)), "{read_credits}", strconv.Itoa(cmp.Or(g.ReadCredits, 100)),
	}
	for _, l := range []dose.Level{dose.Limited, dose.Identified} {
		rule, err := p.rule("place", l)
		if err != nil {
			return err
		}
		p.with = append(p.with, "{rule_"+l.String()+"}", rule)
	}
	state, err := p.rule("state", dose.Deidentified)
	if err != nil {
		return err
	}
	records, err := p.rule("state", dose.Identified)
	if err != nil {
		return err
	}
	mine, err := p.rule("mine", dose.Limited)
	if err != nil {
		return err
	}
	p.with = append(p.with, "{rule_state}", state, "{rule_records}", records)
	return p.columns(mine)
}

// rule is the text of a rule at a level, on one line.
func (p *planner) rule(name string, level dose.Level) (string, error) {
	var texts [2]string
	for i, n := range []string{name, "mine"} {
		all, err := sqltext.Statements("governance/rule/" + n + ".sql")
		if err != nil {
			return "", err
		}
		texts[i] = strings.Join(strings.Fields(all[0]), " ")
	}
	return p.fill(texts[0], "{mine}", texts[1], "{level}", strconv.Itoa(int(level))), nil
}

// fill puts what is meant in the place of names in brackets, which may hold
// more of them.
func (p *planner) fill(text string, more ...string) string {
	r := strings.NewReplacer(append(slices.Clone(more), p.with...)...)
	for range 3 {
		text = r.Replace(text)
	}
	return text
}

var (
	roleLine = regexp.MustCompile(`\A-- role: (\S+)\n`)
	bracket  = regexp.MustCompile(`\{[a-z_0-9]+\}`)
)

func (p *planner) files(names ...string) func() error {
	return func() error {
		for _, n := range names {
			if err := p.file(n, ""); err != nil {
				return err
			}
		}
		return nil
	}
}

// file adds a file's statements; what names its turn, where it is filled more
// than once.
func (p *planner) file(name, what string, more ...string) error {
	path := "governance/" + name + ".sql"
	text, err := sqltext.Text(path)
	if err != nil {
		return err
	}
	role := roleLine.FindStringSubmatch(text)
	if role == nil {
		return fmt.Errorf("%s names no role in its first line", path)
	}
	all, err := sqltext.Statements(path)
	if err != nil {
		return err
	}
	for i, s := range all {
		slot := fmt.Sprintf("%s.%d", strings.TrimSuffix(name+"."+what, "."), i+1)
		if s == "{release_views};" {
			if err := p.views(slot, p.fill(role[1])); err != nil {
				return err
			}
			continue
		}
		s = strings.TrimSuffix(p.fill(s, more...), ";")
		if left := bracket.FindString(s); left != "" && left != "{password}" {
			return fmt.Errorf("%s, statement %d: nothing stands for %s", path, i+1, left)
		}
		p.out = append(p.out, Statement{Slot: slot, Role: p.fill(role[1]), Text: s})
	}
	return nil
}

// accounts are those that read through the share.
func (p *planner) accounts() error {
	for _, a := range p.c.Govern.ReaderAccounts {
		if err := p.file("14_reader_account", a.Name, "{account}", a.Name, "{account_admin}", a.Admin); err != nil {
			return err
		}
		last := &p.out[len(p.out)-1]
		last.Secret, last.once = a.PasswordEnv, true
	}
	if len(p.c.Govern.ShareWith) == 0 {
		return nil
	}
	return p.file("15_share_with", "", "{accounts}", strings.Join(p.c.Govern.ShareWith, ", "))
}

func (p *planner) network() error {
	if len(p.c.Govern.Network) == 0 {
		return nil
	}
	list := make([]string, len(p.c.Govern.Network))
	for i, n := range p.c.Govern.Network {
		list[i] = quote(n)
	}
	return p.file("09_network", "", "{network}", strings.Join(list, ", "))
}

// quoteName writes a name as it is, where it is no plain one.
func quoteName(s string) string {
	if identifier.MatchString(s) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// Unload returns the statements that unload a place's events to a folder of
// this machine: for who has a grant for the place, in one session.
func Unload(c Config, place dose.Place, folder string) (_ []string, err error) {
	defer dose.Wrap(&err, "unload")
	if strings.ContainsAny(folder, `'\*?`) {
		return nil, fmt.Errorf("the folder's path has a quote, a backslash, * or ?: Snowflake's GET can't name it: %w", dose.ErrInvalid)
	}
	p := &planner{c: c}
	if err := errors.Join(c.Check(), p.names()); err != nil {
		return nil, err
	}
	all, err := sqltext.Statements("governance/unload/place.sql")
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i] = strings.TrimSuffix(p.fill(all[i], "{place}", string(place), "{folder}", folder), ";")
	}
	return all, nil
}
