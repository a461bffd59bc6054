package suppress

import (
	"math/rand/v2"
)

// grid makes a table of the given sides with all margins and, for linked
// columns, a second table of parts: total = first + second.
func grid(rng *rand.Rand, sides []int, linked bool, draw func(*rand.Rand) int64) *System {
	s := &System{}
	columns := 1
	if linked {
		columns = 3
	}
	n := 1
	for _, side := range sides {
		n *= side + 1
	}
	values := make([][]int64, columns)
	for c := range columns {
		values[c] = make([]int64, n)
		if c == 0 {
			continue
		}
	}
	for i := range n {
		if at := place(i, sides); inner(at, sides) {
			if !linked {
				values[0][i] = draw(rng)
				continue
			}
			values[1][i], values[2][i] = draw(rng), draw(rng)
			values[0][i] = values[1][i] + values[2][i]
		}
	}
	for c := range columns {
		for d := range sides {
			addMargin(values[c], sides, d)
		}
	}
	for c := range columns {
		for i := range n {
			s.Add(Cell{Value: values[c][i]})
		}
	}
	for c := range columns {
		for d := range sides {
			relateMargin(s, sides, d, int32(c*n))
		}
	}
	if linked {
		for i := range n {
			must(s.Sum(int32(i), int32(n+i), int32(2*n+i)))
		}
	}
	return s
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// place are the coordinates of cell i; a coordinate equal to the side is the
// margin.
func place(i int, sides []int) []int {
	at := make([]int, len(sides))
	for d, side := range sides {
		at[d] = i % (side + 1)
		i /= side + 1
	}
	return at
}

func inner(at, sides []int) bool {
	for d := range sides {
		if at[d] == sides[d] {
			return false
		}
	}
	return true
}

func stride(sides []int, d int) int {
	n := 1
	for _, side := range sides[:d] {
		n *= side + 1
	}
	return n
}

func addMargin(v []int64, sides []int, d int) {
	step := stride(sides, d)
	for i := range v {
		if place(i, sides)[d] == sides[d] {
			v[i] = 0
			for k := range sides[d] {
				v[i] += v[i-(sides[d]-k)*step]
			}
		}
	}
}

func relateMargin(s *System, sides []int, d int, from int32) {
	step, n := int32(stride(sides, d)), stride(sides, len(sides))
	for i := range n {
		if place(i, sides)[d] != sides[d] {
			continue
		}
		parts := make([]int32, sides[d])
		for k := range parts {
			parts[k] = from + int32(i) - int32(sides[d]-k)*step
		}
		must(s.Sum(from+int32(i), parts...))
	}
}

// counts draws counts of which many are small, as in tables of small counties.
func counts(rng *rand.Rand) int64 {
	switch rng.IntN(10) {
	case 0, 1:
		return 0
	case 2, 3:
		return 1 + rng.Int64N(10)
	case 4:
		return 11 + rng.Int64N(10)
	}
	return 11 + rng.Int64N(2000)
}
