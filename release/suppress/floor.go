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
		if c := &s.Cells[i]; c.needs() && !c.Blank {
			c.Low = max(c.Low, least[i])
			c.High = max(c.High, c.Low)
		}
	}
}

// raiseTotal raises the total of a relation to the sum of its parts.
func (s *System) raiseTotal(r int32, least []int64) bool {
	terms := s.relation(r)
	negative, at := 0, 0
	for k, t := range terms {
		if t.Coef < 0 {
			negative++
			at = k
		}
	}
	if negative != 1 {
		return false
	}
	var sum int64
	for k, t := range terms {
		if k != at {
			sum += least[t.Cell]
		}
	}
	if total := terms[at].Cell; sum > least[total] {
		least[total] = sum
		return true
	}
	return false
}
