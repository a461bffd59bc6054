package snowflake

import (
	"fmt"
	"strings"

	"github.com/dosebook/dosebook/dose"
	sqltext "github.com/dosebook/dosebook/sql"
)

// maskBy are the columns of a guarded view that its masking policies judge by.
const maskBy = "mask_home, mask_city, mask_given"

// seenBecause depends on who asks: the published view says it.
const seenBecause = "visible_because"

// columns says the columns of the guarded and published views, from the
// declarations of package dose. mine are the places of who asks.
func (p *planner) columns(mine string) error {
	event, recipient := dose.ReleaseColumns(), dose.Recipient()
	p.with = append(p.with, "{event_columns}", p.guarded(event, seenBecause), "{event_names}", prefixed("r.", event, nil),
		"{recipient_columns}", p.guarded(recipient, ""), "{recipient_names}", prefixed("r.", recipient, nil))
	because := fmt.Sprintf("case when (coalesce(r.row_home in (%[1]s), false) or coalesce(r.row_city in (%[1]s), false)) and r.row_given in (%[1]s) then 'both' "+
		"when r.row_given in (%[1]s) then 'administration' else 'residence' end as %[2]s", mine, seenBecause)
	p.with = append(p.with, "{event_shown}", prefixed("r.", event, map[string]string{seenBecause: because}))
	// What a recipient has of the latest dose's row.
	rows := map[string]bool{}
	for _, c := range dose.SegmentColumns() {
		rows[c.Name] = true
	}
	var own []string
	for _, c := range recipient {
		switch {
		case !rows[c.Name]:
		case dose.ResidenceOnly(c.Name):
			own = append(own, fmt.Sprintf("case when not x.part then w.%[1]s end as %[1]s", c.Name))
		default:
			own = append(own, "w."+c.Name)
		}
	}
	p.with = append(p.with, "{recipient_event}", strings.Join(own, ", "))
	return nil
}

func prefixed(prefix string, cols []dose.Column, instead map[string]string) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = prefix + c.Name
		if other, ok := instead[c.Name]; ok {
			out[i] = other
		}
	}
	return strings.Join(out, ", ")
}

// guarded lists columns with their masking policies.
func (p *planner) guarded(cols []dose.Column, but string) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.Name
		if c.Level > dose.Deidentified && c.Name != but {
			out[i] += p.fill(" with masking policy {database}.GOVERN." + maskOf(c).name() + " using (" + c.Name + ", " + maskBy + ")")
		}
	}
	return strings.Join(out, ",\n  ")
}

// mask is what masking policies differ by.
type mask struct {
	kind  string // the SQL type
	level dose.Level
	below dose.Below
}

func maskOf(c dose.Column) mask {
	m := mask{c.Type.SQL(), c.Level, c.Below}
	if c.Type == dose.Time {
		m.kind = "timestamp_ntz"
	}
	return m
}

func (m mask) name() string {
	return strings.ToUpper("MASK_" + m.level.String() + "_" + m.kind + [...]string{"", "_YEAR", "_NINETY"}[m.below])
}

// rest is what a reader of a lower level sees. A policy can't change a type: a
// year stands as its first day.
func (m mask) rest() string {
	switch m.below {
	case dose.Year:
		return "cast(date_trunc('year', val) as date)"
	case dose.Ninety:
		return fmt.Sprintf("least(val, %d)", dose.HighAge)
	}
	return "null"
}

// masks adds a policy for each mask that a column needs.
func (p *planner) masks() error {
	done := map[string]bool{}
	for _, c := range append(dose.ReleaseColumns(), dose.Recipient()...) {
		m := maskOf(c)
		if c.Level == dose.Deidentified || done[m.name()] {
			continue
		}
		done[m.name()] = true
		err := p.file("07_mask_policies", m.name(), "{mask}", m.name(), "{type}", m.kind, "{rule}", "{rule_"+m.level.String()+"}", "{below}", m.rest())
		if err != nil {
			return err
		}
	}
	return nil
}

// The segments of refused records: a list where a release is built, a table
// there.
const (
	rejectsListed = "(values {rejects}) s(file, seq, registry, segment, name)"
	rejectsThere  = "(select filename as file, seq, registry, segment, path as name from segment_payload) s"
)

// views adds the models of a release that stand as views beside the tables.
// They are the texts by which a release is built, in Snowflake's words.
func (p *planner) views(slot, role string) error {
	var counties []string
	for _, c := range dose.Counties() {
		counties = append(counties, fmt.Sprintf("(%s, %s, %s, 'California')", strings.TrimLeft(c.FIPS, "0"), quote(c.FIPS), quote(c.Name)))
	}
	counties = append(counties, "(1, 'OOS', 'Outside California', 'Not in California')", "(0, 'UNK', 'Unknown', 'Not in California')")
	for _, v := range []struct{ model, name string }{{"45_release_person", ""}, {"51_release_recipients", "release_recipients"}, {"41_county_day", "release_county_day"},
		{"52_release_rejects", "release_rejects"}} {
		all, err := sqltext.Statements("models/" + v.model + ".sql")
		if err != nil {
			return err
		}
		for i, text := range all {
			name, text := v.name, translate(text)
			if m := workAs.FindStringSubmatch(text); m != nil {
				name, text = m[1], m[2]
			}
			text = strings.NewReplacer("{counties}", strings.Join(counties, ", "), "{files}", "segment_reject", rejectsListed, rejectsThere).Replace(text)
			p.out = append(p.out, Statement{Slot: fmt.Sprintf("%s.%s.%d", slot, v.model, i+1), Role: role,
				Text: p.fill("create or replace view {database}.{core}."+name+" copy grants as\n") + text})
		}
	}
	return nil
}
