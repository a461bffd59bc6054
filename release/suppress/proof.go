package suppress

import (
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// Step is a change of one cell.
type Step struct {
	Cell int32
	By   int64
}

// Witness is another table that agrees with everything published, as its
// differences from the true one.
type Witness []Step

// Proof has, for each cell that needs protection, the witness in which it is
// at the low end of its range and the one in which it is at the high end: a
// number into Witnesses, or truth where the true table is the witness.
type Proof struct {
	Witnesses []Witness
	Low, High map[int32]int32
}

const truth = -1

// Check goes through a proof by arithmetic alone, in time proportional to its
// length: each witness leaves what is published as it is, satisfies each
// relation, holds whole numbers that are possible, and reaches what it is for.
// An error is of kind dose.ErrHeld: the table must not go out.
func (s *System) Check(p *Proof) error {
	s.index()
	sums := make(map[int32]int64)
	for i, w := range p.Witnesses {
		if err := s.checkWitness(w, sums); err != nil {
			return fmt.Errorf("witness %d: %w", i, err)
		}
	}
	for i := range s.Cells {
		if !s.Cells[i].needs() {
			continue
		}
		if err := s.checkEnds(p, int32(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *System) checkWitness(w Witness, sums map[int32]int64) error {
	clear(sums)
	seen := make(map[int32]bool, len(w))
	for _, step := range w {
		c := &s.Cells[step.Cell]
		switch {
		case !c.hidden():
			return fmt.Errorf("changes cell %d, which is published: %w", step.Cell, dose.ErrHeld)
		case seen[step.Cell]:
			return fmt.Errorf("changes cell %d twice: %w", step.Cell, dose.ErrHeld)
		case c.Value+step.By < c.floor():
			return fmt.Errorf("makes cell %d impossible: %w", step.Cell, dose.ErrHeld)
		}
		seen[step.Cell] = true
		for _, l := range s.links(step.Cell) {
			sums[l.relation] += int64(l.coef) * step.By
		}
	}
	for r, sum := range sums {
		if sum != 0 {
			return fmt.Errorf("breaks relation %d by %d: %w", r, sum, dose.ErrHeld)
		}
	}
	return nil
}

func (s *System) checkEnds(p *Proof, cell int32) error {
	c := &s.Cells[cell]
	for _, end := range []struct {
		of    map[int32]int32
		holds func(v int64) bool
		name  string
	}{
		{p.Low, func(v int64) bool { return v <= c.Low }, "low"},
		{p.High, func(v int64) bool { return v >= c.High }, "high"},
	} {
		w, ok := end.of[cell]
		if !ok || int(w) >= len(p.Witnesses) {
			return fmt.Errorf("cell %d has no witness at the %s end: %w", cell, end.name, dose.ErrHeld)
		}
		v := c.Value
		if w != truth {
			for _, step := range p.Witnesses[w] {
				if step.Cell == cell {
					v += step.By
				}
			}
		}
		if !end.holds(v) {
			return fmt.Errorf("the witness of cell %d stops short of the %s end: %w", cell, end.name, dose.ErrHeld)
		}
	}
	return nil
}
