package suppress

import (
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// State says whether a cell is published, and if not, why.
type State uint8

const (
	Shown      State = iota
	Primary          // small, or a change that is small
	Complement       // so that a primary cell can't be worked out
	Extra            // the guideline's additional cell where all hidden ones are tiny
)

var stateNames = [...]string{"shown", "primary", "complementary", "additional"}

func (s State) String() string { return stateNames[s] }

// Cell is one published number.
type Cell struct {
	Value  int64
	Weight float32 // what hiding it costs; 1 is one cell
	State  State
	Fixed  bool // published earlier: it can't be hidden any more
	Slack  bool // the rest of an at-most relation: nobody publishes it, zero or more
	Grown  bool // with Slack: the growth of a running sum; nobody publishes it and everybody can subtract
	Blank  bool // its value isn't known here; such a system can be attacked only

	// Group is the place that the cell tells of, from 1, or 0: where nothing
	// nearer is found, numbers move between two places through all their cells.
	Group int32

	// Low and High are what the bounds of a hidden cell must reach; both zero
	// when the cell itself needs no protection.
	Low, High int64
}

func (c *Cell) hidden() bool { return c.State != Shown || c.Slack }
func (c *Cell) needs() bool  { return c.High > 0 && c.hidden() }

// floor is the least value that an outsider must think possible. Zeros are
// never hidden (guideline 4.4), so what is hidden is one or more.
func (c *Cell) floor() int64 {
	if c.Slack {
		return 0
	}
	return 1
}

// Term is a cell in a relation, counted Coef times: 1 or -1.
type Term struct {
	Cell int32
	Coef int8
}

// System is everything that is published: cells, and the relations between
// them that every outsider knows. Each relation's terms add to zero.
type System struct {
	Cells  []Cell
	terms  []Term
	starts []int32 // of relations in terms; one more than there are relations
	of     []link  // relations of cells, made by index
	ofAt   []int32
}

// link is a relation that a cell is in.
type link struct {
	relation int32
	coef     int8
}

// Add adds a cell and returns its number.
func (s *System) Add(c Cell) int32 {
	if c.Weight == 0 {
		c.Weight = 1
	}
	s.Cells = append(s.Cells, c)
	return int32(len(s.Cells) - 1)
}

// Relate adds a relation. It is an error when the values don't add to zero:
// then the table contradicts itself, and no bound from it means anything.
func (s *System) Relate(terms ...Term) error {
	var sum int64
	blank := false
	for _, t := range terms {
		c := &s.Cells[t.Cell]
		sum += int64(t.Coef) * c.Value
		blank = blank || c.Blank
	}
	if sum != 0 && !blank {
		return fmt.Errorf("a relation of %d cells misses zero by %d: %w", len(terms), sum, dose.ErrInvalid)
	}
	if len(s.starts) == 0 {
		s.starts = append(s.starts, 0)
	}
	s.terms = append(s.terms, terms...)
	s.starts = append(s.starts, int32(len(s.terms)))
	s.of = nil
	return nil
}

// AtMost adds the relation that parts are no more than total.
func (s *System) AtMost(total int32, parts ...int32) error {
	rest := s.Cells[total].Value
	blank := s.Cells[total].Blank
	terms := []Term{{total, -1}}
	for _, p := range parts {
		rest -= s.Cells[p].Value
		blank = blank || s.Cells[p].Blank
		terms = append(terms, Term{p, 1})
	}
	if rest < 0 && !blank {
		return fmt.Errorf("the parts of an at-most relation pass their total by %d: %w", -rest, dose.ErrInvalid)
	}
	return s.Relate(append(terms, Term{s.Add(Cell{Value: rest, Slack: true, Blank: blank, Group: s.Cells[total].Group}), 1})...)
}

// Sum adds the relation that parts add to total.
func (s *System) Sum(total int32, parts ...int32) error {
	terms := make([]Term, 0, len(parts)+1)
	terms = append(terms, Term{total, -1})
	for _, p := range parts {
		terms = append(terms, Term{p, 1})
	}
	return s.Relate(terms...)
}

// Relations is how many there are.
func (s *System) Relations() int { return max(0, len(s.starts)-1) }

func (s *System) relation(r int32) []Term { return s.terms[s.starts[r]:s.starts[r+1]] }

func (s *System) links(c int32) []link { return s.of[s.ofAt[c]:s.ofAt[c+1]] }

// index makes the way from cells to their relations.
func (s *System) index() {
	if s.of != nil && len(s.ofAt) == len(s.Cells)+1 {
		return
	}
	s.ofAt = make([]int32, len(s.Cells)+1)
	for _, t := range s.terms {
		s.ofAt[t.Cell+1]++
	}
	for i := range s.Cells {
		s.ofAt[i+1] += s.ofAt[i]
	}
	s.of = make([]link, len(s.terms))
	at := append([]int32(nil), s.ofAt...)
	for r := range int32(s.Relations()) {
		for _, t := range s.relation(r) {
			s.of[at[t.Cell]] = link{r, t.Coef}
			at[t.Cell]++
		}
	}
}

// Range is what the bounds of a hidden cell must reach. The guideline hides 1
// to 10 (section 4.4): the hidden number must be able to be any of them, so
// that whoever attacks the table learns no more than the rule itself says.
type Range struct{ Low, High int64 }

// Small is the guideline's range.
var Small = Range{1, 10}

// Hide marks each shown cell within the range as primary, where ask says that
// the score asks for it; nil asks everywhere. Zeros stay.
func (s *System) Hide(r Range, ask func(cell int32) bool) (n int) {
	for i := range s.Cells {
		c := &s.Cells[i]
		if c.Slack && !c.Grown || c.Blank || c.Fixed || c.Value < r.Low || c.Value > r.High || ask != nil && !ask(int32(i)) {
			continue
		}
		c.State, c.Low, c.High = Primary, r.Low, r.High
		n++
	}
	return n
}
