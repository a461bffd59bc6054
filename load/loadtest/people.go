package loadtest

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/dosebook/dosebook/load"
)

// said is one row of an input, with the time that counts for it.
type said struct {
	Link
	time, place int64
}

// inputs lists the rows of crosswalks or decisions, the latest word last.
func (l *Log) inputs(to int64, format string) []said {
	var out []said
	for _, e := range l.Known(to) {
		if e.Format != format {
			continue
		}
		for i, k := range l.held[e.Seq].Links {
			out = append(out, said{k, e.SourceTime, load.Place(e.Seq, int64(i))})
		}
	}
	slices.SortFunc(out, func(a, b said) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.place, b.place)) })
	return out
}

// moved says, by entity, under which id an old one stands. The latest word on
// an id counts, chains are followed; where they go in a circle, the circle's
// latest word names the id that it leads to.
func (l *Log) moved(to int64) map[string]map[ID]ID {
	out := map[string]map[ID]ID{}
	for _, entity := range []string{"event", "recipient"} {
		next, rank := map[ID]ID{}, map[ID]int{}
		for i, s := range l.inputs(to, load.Crosswalk) {
			if s.Entity == entity {
				next[s.A], rank[s.A] = s.B, i
			}
		}
		end := map[ID]ID{}
		for id := range next {
			if last := follow(next, rank, id); last != id {
				end[id] = last
			}
		}
		out[entity] = end
	}
	return out
}

func follow(next map[ID]ID, rank map[ID]int, from ID) ID {
	var path []ID
	for at := from; ; at = next[at] {
		if _, ok := next[at]; !ok {
			return at
		}
		if i := slices.Index(path, at); i >= 0 {
			latest := slices.MaxFunc(path[i:], func(a, b ID) int { return cmp.Compare(rank[a], rank[b]) })
			return next[latest]
		}
		path = append(path, at)
	}
}

// people finds the person of every recipient: the bridge rule (docs/MATCHING.md,
// People), crosswalks and a steward's word, pair by pair.
func (l *Log) people(to int64, events []*event, since map[int64]int64) map[int64]int64 {
	same, outside := l.personVerdicts(to)
	group := sets{}
	for r := range since {
		group.find(r)
	}
	for i, a := range events {
		for _, b := range events[:i] {
			if !outside[a.recip] && !outside[b.recip] && bridge(a, b) {
				group.join(a.recip, b.recip)
			}
		}
	}
	for old, now := range l.moved(to)["recipient"] {
		// Who stands under one id is one, even where that id was never seen or
		// taken out.
		for _, id := range []ID{old, now} {
			if !outside[id.key()] {
				group.join(id.key(), idKey("stands under", now.Registry+now.ID))
			}
		}
	}
	for _, p := range same {
		group.join(p[0], p[1])
	}
	members := map[int64][]int64{}
	for r := range since {
		root := group.find(r)
		members[root] = append(members[root], r)
	}
	person := map[int64]int64{}
	for _, m := range members {
		oldest := slices.MinFunc(m, func(a, b int64) int { return cmp.Or(cmp.Compare(since[a], since[b]), cmp.Compare(a, b)) })
		for _, r := range m {
			if person[r] = oldest; len(m) > l.Rules.ComponentLimit {
				person[r] = r
			}
		}
	}
	return person
}

// personVerdicts are the pairs that a steward joined and the recipients that
// one took out.
func (l *Log) personVerdicts(to int64) (same [][2]int64, outside map[int64]bool) {
	latest := map[[2]int64]said{}
	for _, s := range l.inputs(to, load.Decision) {
		if s.Entity == "person" {
			latest[pairOf(s.A.key(), s.B.key())] = s
		}
	}
	outside = map[int64]bool{}
	for p, s := range latest {
		switch s.Verdict {
		case "same":
			same = append(same, p)
		case "different":
			outside[s.B.key()] = true
		}
	}
	return same, outside
}

func pairOf(a, b int64) [2]int64 { return [2]int64{min(a, b), max(a, b)} }

// bridge is CDPH's rule on two live events.
func bridge(a, b *event) bool {
	if a.Version.Tombstone || b.Version.Tombstone || a.Name == "" || a.Name != b.Name {
		return false
	}
	lotA, okA := a.lot()
	lotB, okB := b.lot()
	return a.Row.Day != 0 && a.Row.Day == b.Row.Day && okA && okB && lotA == lotB ||
		phone(a.Row) != "" && phone(a.Row) == phone(b.Row) || email(a.Row) != "" && email(a.Row) == email(b.Row) || sameHome(a.Row, b.Row)
}

var noFigure = regexp.MustCompile(`[^0-9]`)

func phone(r Row) string {
	digits := noFigure.ReplaceAllString(r.Text["recip_phone"], "")
	if len(digits) < 10 {
		return ""
	}
	digits = digits[len(digits)-10:]
	if strings.Count(digits, digits[:1]) == 10 || digits[0] < '2' || digits[3] < '2' {
		return ""
	}
	return digits
}

func email(r Row) string {
	s := strings.ToLower(strings.TrimSpace(r.Text["recip_email"]))
	if slices.Contains([]string{"none", "noemail", "test"}, strings.Split(s, "@")[0]) {
		return ""
	}
	return s
}

// sameHome: the same ZIP, and streets at most half different, or both blank.
// The streets of the sets are folded already.
func sameHome(a, b Row) bool {
	za, zb := a.Text["recip_address_zip"], b.Text["recip_address_zip"]
	sa, sb := a.Text["recip_address_street"], b.Text["recip_address_street"]
	if za == "" || za == "00000" || za != zb || sa == "UNKNOWN" || sb == "UNKNOWN" || (sa == "") != (sb == "") {
		return false
	}
	return 2*distance(sa, sb) <= max(len(sa), len(sb))
}

// distance is Levenshtein's, by its definition.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0:
				d[i][j] = j
			case j == 0:
				d[i][j] = i
			case a[i-1] == b[j-1]:
				d[i][j] = d[i-1][j-1]
			default:
				d[i][j] = 1 + min(d[i-1][j], d[i][j-1], d[i-1][j-1])
			}
		}
	}
	return d[len(a)][len(b)]
}

// sets joins things into groups.
type sets map[int64]int64

func (s sets) find(x int64) int64 {
	if _, ok := s[x]; !ok {
		s[x] = x
	}
	for s[x] != x {
		x = s[x]
	}
	return x
}

func (s sets) join(a, b int64) { s[s.find(a)] = s.find(b) }
