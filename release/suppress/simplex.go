package suppress

import (
	"fmt"
	"math"

	"github.com/dosebook/dosebook/dose"
)

// tableau is the simplex method on a dense tableau, made ready once for many
// objectives over the same rows. Bland's rule takes over when steps stand
// still, since tables of counts are as degenerate as problems come: gonum's
// Simplex gives up on most of them (ADR 0012).
type tableau struct {
	a     [][]float64 // rows, with the right side last
	z     []float64   // reduced costs, with minus the value last
	basis []int
	n     int
	inf   bool
}

const (
	still    = 30     // steps without gain before Bland's rule
	maxSteps = 200000 // a guard, never reached in tests
)

// newTableau finds a feasible table: that there is none means that what is
// published contradicts itself.
func newTableau(p *problem) (*tableau, error) {
	t, broken, err := phaseOne(p)
	if err == nil && len(broken) > 0 {
		return nil, fmt.Errorf("no table agrees with what is published: %w", dose.ErrInvalid)
	}
	return t, err
}

// phaseOne finds a feasible table, or relations that no table keeps together
// with the others.
func phaseOne(p *problem) (_ *tableau, broken []int, err error) {
	m := len(p.rows)
	t := &tableau{n: p.n, basis: make([]int, m), a: make([][]float64, m), z: make([]float64, p.n+m+1)}
	for r, row := range p.rows {
		t.a[r] = make([]float64, p.n+m+1)
		sign := 1.0
		if p.right[r] < 0 {
			sign = -1
		}
		for _, e := range row {
			t.a[r][e.k] += sign * e.a
			t.z[e.k] -= sign * e.a
		}
		t.a[r][p.n+r] = 1
		t.a[r][p.n+m] = sign * p.right[r]
		t.z[p.n+m] -= sign * p.right[r]
		t.basis[r] = p.n + r
	}
	if err := t.solve(); err != nil {
		return nil, nil, err
	}
	if t.z[p.n+m] < -1e-5 {
		for r, b := range t.basis {
			if b >= p.n && t.a[r][p.n+m] > 1e-7 {
				broken = append(broken, b-p.n)
			}
		}
		return nil, broken, nil
	}
	t.dropArtificial(m)
	return t, nil, nil
}

// dropArtificial takes the helpers of the first phase out of the basis and the
// tableau; a row that has nothing else says nothing new.
func (t *tableau) dropArtificial(m int) {
	rows, basis := t.a[:0], t.basis[:0]
	for r := range t.a {
		if t.basis[r] >= t.n {
			for k := range t.n {
				if math.Abs(t.a[r][k]) > 1e-7 {
					t.pivot(r, k)
					break
				}
			}
		}
	}
	for r := range t.a {
		if t.basis[r] < t.n {
			t.a[r][t.n] = t.a[r][t.n+m]
			rows, basis = append(rows, t.a[r][:t.n+1]), append(basis, t.basis[r])
		}
	}
	t.a, t.basis = rows, basis
}

// least is the least value of sign · x[k], minus infinity if nothing bounds it.
func (t *tableau) least(k int, sign float64) (float64, error) {
	t.z = make([]float64, t.n+1)
	t.z[k] = sign
	for r, b := range t.basis {
		if b == k {
			for j := range t.z {
				t.z[j] -= sign * t.a[r][j]
			}
		}
	}
	if err := t.solve(); err != nil {
		return 0, err
	}
	if t.inf {
		return math.Inf(-1), nil
	}
	return -t.z[t.n], nil
}

func (t *tableau) solve() error {
	t.inf = false
	last, stood := math.Inf(1), 0
	for range maxSteps {
		k := t.enter(stood > still)
		if k < 0 {
			return nil
		}
		r := t.leave(k)
		if r < 0 {
			t.inf = true
			return nil
		}
		t.pivot(r, k)
		if v := -t.z[len(t.z)-1]; v < last-1e-9 {
			last, stood = v, 0
		} else {
			stood++
		}
	}
	return fmt.Errorf("the linear program does not end: %w", dose.ErrHeld)
}

func (t *tableau) enter(bland bool) int {
	best, at := -1e-8, -1
	for k, v := range t.z[:len(t.z)-1] {
		if v < best {
			if bland {
				return k
			}
			best, at = v, k
		}
	}
	return at
}

func (t *tableau) leave(k int) int {
	at, best := -1, math.Inf(1)
	for r, row := range t.a {
		if row[k] <= 1e-8 {
			continue
		}
		ratio := row[len(row)-1] / row[k]
		if ratio < best-1e-10 || ratio < best+1e-10 && t.basis[r] < t.basis[at] {
			best, at = ratio, r
		}
	}
	return at
}

func (t *tableau) pivot(r, k int) {
	row := t.a[r]
	f := 1 / row[k]
	for j := range row {
		row[j] *= f
	}
	for i := range t.a {
		if i != r {
			eliminate(t.a[i], row, k)
		}
	}
	eliminate(t.z, row, k)
	t.basis[r] = k
}

func eliminate(row, by []float64, k int) {
	f := row[k]
	if f == 0 {
		return
	}
	for j, v := range by[:len(row)] {
		if v != 0 {
			row[j] -= f * v
			if math.Abs(row[j]) < 1e-10 {
				row[j] = 0
			}
		}
	}
}
