package suppress

import (
	"cmp"
	"context"
	"slices"
)

// tidy tries to show each complementary cell again, the dearest first: what
// was hidden for one cell is often not needed once others are hidden too.
func (p *protector) tidy(ctx context.Context) error {
	var cells []int32
	for i := range p.s.Cells {
		if p.s.Cells[i].State == Complement {
			cells = append(cells, int32(i))
		}
	}
	if len(cells) > p.o.Tidy || len(p.held) > 0 {
		return nil
	}
	slices.SortStableFunc(cells, func(a, b int32) int {
		x, y := &p.s.Cells[a], &p.s.Cells[b]
		return cmp.Or(cmp.Compare(y.Weight, x.Weight), cmp.Compare(y.Value, x.Value))
	})
	t := tidier{protector: p, users: map[int32][]int32{}, ends: map[int32][]want{}}
	for n := range p.witnesses {
		t.note(int32(n))
	}
	for k, n := range p.have {
		t.ends[n] = append(t.ends[n], k)
	}
	for _, c := range cells {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.show(c)
	}
	return nil
}

// tidier knows which witnesses change a cell and what each is needed for.
type tidier struct {
	*protector
	users map[int32][]int32
	ends  map[int32][]want
}

func (t *tidier) note(n int32) {
	for _, step := range t.witnesses[n] {
		t.users[step.Cell] = append(t.users[step.Cell], n)
	}
}

// show shows a cell if every end that leaned on it finds another witness among
// what is hidden.
func (t *tidier) show(cell int32) {
	c := &t.s.Cells[cell]
	c.State = Shown
	var moved []want
	for _, n := range t.users[cell] {
		for _, k := range t.ends[n] {
			if t.have[k] == n {
				moved = append(moved, k)
			}
		}
	}
	slices.SortFunc(moved, func(a, b want) int {
		if a.cell == b.cell && a.high {
			return 1
		}
		return cmp.Compare(a.cell, b.cell)
	})
	found := make([]Witness, len(moved))
	for i, k := range moved {
		x := &t.s.Cells[k.cell]
		by := x.Low - x.Value
		if k.high {
			by = x.High - x.Value
		}
		if found[i] = t.look(k.cell, by, true); found[i] == nil {
			c.State = Complement
			return
		}
	}
	for _, l := range t.s.links(cell) {
		if t.s.tiny(l.relation) {
			c.State = Complement
			return
		}
	}
	for i, k := range moved {
		n := int32(len(t.witnesses))
		t.witnesses = append(t.witnesses, found[i])
		t.have[k] = n
		t.ends[n] = append(t.ends[n], k)
		t.note(n)
	}
}
