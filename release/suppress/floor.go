package suppress

// raiseLow raises the low end of ranges to what the zeros alone say: zeros are
// never hidden, so the total of three hidden parts is three or more whatever
// else is hidden, and no suppression can make it look like one.
func (s *System) raiseLow() {
	least := make([]int64, len(s.Cells))
	for i := range s.Cells {
		if c := &s.Cells[i]; !c.Slack && (c.Value > 0 || c.Blank) {
			least[i] = 1
		}
	}
	for moved := true; moved; {
		moved = false
		for r := range int32(s.Relations()) {
			moved = s.raiseTotal(r, least) || moved
		}
	}
	for i := range s.Cells {
		if c := &s.Cells[i]; c.needs() {
			c.Low = max(c.Low, least[i])
			c.High = max(c.High, c.Low)
		}
	}
}

// raiseTotal raises the one number on one side of a relation to the sum of
// those on the other side. Zeros count for nothing: everybody sees them.
func (s *System) raiseTotal(r int32, least []int64) (moved bool) {
	terms := s.relation(r)
	for _, side := range []int8{-1, 1} {
		n, at := 0, int32(0)
		var sum int64
		for _, t := range terms {
			c := &s.Cells[t.Cell]
			switch {
			case t.Coef != side:
				sum += least[t.Cell]
			case c.Slack || c.Blank || c.Value > 0:
				n++
				at = t.Cell
			}
		}
		if n == 1 && sum > least[at] {
			least[at], moved = sum, true
		}
	}
	return moved
}
