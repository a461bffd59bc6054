package synth

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/dosebook/dosebook/dose"
)

// bridge is CDPH's rule (domain reference §7.1) in its plainest form, over the
// rows of the files: recipient ids are one person when first name, last name
// and birth date are the same, and ZIP and the street's beginning, or date and
// lot of a dose, or phone, or e-mail. Then one person's doses of days that lie
// together, and no two of one registry, are one dose.
type bridge struct {
	c      *recount
	parent map[string]string
	seen   map[string]string // evidence → recipient
}

func (b *bridge) root(x string) string {
	for b.parent[x] != x {
		b.parent[x] = b.parent[b.parent[x]]
		x = b.parent[x]
	}
	return x
}

func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func (b *bridge) take(recip string, v version) {
	cell := func(name string) string { return b.c.cell(v, name) }
	if b.parent[recip] == "" {
		b.parent[recip] = recip
	}
	if len(cell("recip_dob")) != 10 {
		return
	}
	who := plainText(cell("recip_first_name")) + "|" + plainText(cell("recip_last_name")) + "|" + cell("recip_dob") + "|"
	phone := plainText(v.row[dose.CVRSColumns+1])
	zip := (cell("recip_address_zip") + "00000")[:5]
	for what, value := range map[string]string{"phone": phone, "mail": v.row[dose.CVRSColumns+2], "lot": cell("lot_number"),
		"street": strings.Join(strings.Fields(cell("recip_address_street") + " -")[:2], " ")} {
		switch {
		case value == "":
			continue
		case what == "lot":
			value += cell("admin_date")
		case what == "street":
			value += zip
		}
		had, ok := b.seen[who+what+value]
		if !ok {
			b.seen[who+what+value] = recip
			continue
		}
		b.parent[b.root(recip)] = b.root(had)
	}
}

// group numbers persons, and doses: a person's reports of days at most three
// apart.
func (b *bridge) group(live map[string]version) (out []Got) {
	number := make(map[string]int64)
	of := func(s string) int64 {
		if number[s] == 0 {
			number[s] = int64(len(number) + 1)
		}
		return number[s]
	}
	days := make(map[string]string) // person and day → the group's first day
	for key, v := range live {
		registry, event, _ := strings.Cut(key, " ")
		person := b.root(registry + " " + b.c.cell(v, "recip_id"))
		if b.c.cell(v, "vax_refusal") == "YES" {
			out = append(out, Got{registry, event, of(person), of("refused " + key)})
			continue
		}
		day, _ := time.Parse(time.DateOnly, b.c.cell(v, "admin_date"))
		at := ""
		for off := range 7 {
			near := person + day.AddDate(0, 0, []int{0, -1, 1, -2, 2, -3, 3}[off]).Format(time.DateOnly)
			if days[near] != "" {
				at = days[near]
				break
			}
		}
		mine := person + day.Format(time.DateOnly)
		if at == "" {
			at = mine
		}
		days[mine] = at
		out = append(out, Got{registry, event, of(person), of("dose " + at)})
	}
	return out
}

func evaluate(t *testing.T, cfg Config) *Score {
	t.Helper()
	dir, truth := write(t, cfg)
	c := count(t, dir, truth)
	b := bridge{c: &c, parent: make(map[string]string), seen: make(map[string]string)}
	live := make(map[string]version)
	for key, v := range c.versions {
		if registry, _, _ := strings.Cut(key, " "); !v.deleted {
			live[key] = v
			b.take(registry+" "+c.cell(v, "recip_id"), v)
		}
	}
	f, err := os.Open(filepath.Join(dir, EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := Evaluate(f, stream(b.group(live)))
	if err != nil || s.Missing+s.Unknown > 0 {
		t.Fatal(s, err)
	}
	return s
}

// The state's rule finds the persons and doses of two registries with clean
// names; with typing errors it loses them, and Evaluate says so.
func TestOverlapCanBeBridged(t *testing.T) {
	clean := DefaultOverlap()
	clean.Typos = 0
	for _, typos := range []float64{0, 0.03, 0.1} {
		o := clean
		o.Typos = typos
		s := evaluate(t, Config{Seed: 27, Rows: 25_000, Registries: []string{"CAIR2", "SDIR"}, Defects: DefaultDefects(), Overlap: o})
		t.Logf("typos %s\n%v", strconv.FormatFloat(typos, 'f', 2, 64), s)
		if typos == 0 && min(s.Doses.Precision(), s.Doses.Recall(), s.Persons.Precision(), s.Persons.Recall()) < 0.99 {
			t.Errorf("clean names: %v", s)
		}
		if lost := float64(s.Persons.FalseSplits["typo"]) / float64(s.Persons.True); lost < 0.5*typos || lost > 1.3*typos+0.001 {
			t.Errorf("%.2f typing errors split %.4f of the pairs", typos, lost)
		}
	}
}

// A placeholder phone makes namesakes one for a reader that believes it, and
// Evaluate names both causes.
func TestPlaceholderJoinsNamesakes(t *testing.T) {
	s := evaluate(t, Config{Seed: 28, Rows: 30_000, Overlap: Overlap{NameSakes: 0.5, JunkPhone: 0.4, Twins: 0.3}})
	p := s.Persons
	if p.True != 0 || p.Got < 100 || p.FalseMerges["junk_phone"] != p.Got || p.FalseMerges["namesake"] != p.Got || p.FalseMerges["twin"] > 0 {
		t.Errorf("%v", p)
	}
}
