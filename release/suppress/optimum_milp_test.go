package suppress

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLossBesideASolver hides in random tables, and compares with the fewest
// cells that an integer program says must go (HiGHS by scipy).
func TestLossBesideASolver(t *testing.T) {
	venv := os.Getenv("DOSEBOOK_PYTHON_VENV")
	python := filepath.Join(venv, "bin", "python")
	if err := exec.Command(python, "-c", "import scipy").Run(); venv == "" || err != nil {
		if need := os.Getenv("DOSEBOOK_TEST_REQUIRE"); strings.Contains(need, "all") || strings.Contains(need, "python") {
			t.Fatal("no scipy", err)
		}
		t.Skip("set DOSEBOOK_PYTHON_VENV to a virtual environment with testdata/python/requirements.txt")
	}
	n := 12
	if os.Getenv("DOSEBOOK_TEST_LONG") == "1" {
		n = 200
	}
	sides := [][]int{{4, 4}, {6, 3}, {3, 3, 2}, {5, 5}, {6, 6}, {2, 2, 2}}
	var in bytes.Buffer
	var ours, primary []int
	for i := range n {
		s := grid(rand.New(rand.NewPCG(200, uint64(i))), sides[i%len(sides)], false, counts)
		s.Hide(Small, nil)
		given := asked(s)
		r, err := Protect(t.Context(), s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ours, primary = append(ours, r.Count[Complement]+r.Count[Extra]), append(primary, r.Count[Primary])
		if err := json.NewEncoder(&in).Encode(given); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), python, filepath.Join("..", "..", "testdata", "python", "suppress_optimum.py"))
	c.Stdin, c.Stderr = &in, os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	hidden, best, solved := 0, 0, 0
	for lines, i := bufio.NewScanner(bytes.NewReader(out)), 0; lines.Scan(); i++ {
		var least *int
		if err := json.Unmarshal(lines.Bytes(), &least); err != nil {
			t.Fatal(err)
		}
		if least != nil {
			solved++
			hidden, best = hidden+primary[i]+ours[i], best+primary[i]+*least
		}
	}
	t.Logf("%d of %d tables solved: %d cells hidden, at best %d (%.2f ×)", solved, n, hidden, best, float64(hidden)/float64(best))
	if solved < n/2 || float64(hidden) > 1.3*float64(best) {
		t.Errorf("%d cells hidden, more than 1.3 × %d, or only %d of %d solved", hidden, best, solved, n)
	}
}

type askedTable struct {
	Values    []int64    `json:"values"`
	Needs     [][3]int64 `json:"needs"`
	Relations [][][2]int `json:"relations"`
}

// asked is a table as the solver takes it.
func asked(s *System) (out askedTable) {
	s.raiseLow()
	for i := range s.Cells {
		c := &s.Cells[i]
		out.Values = append(out.Values, c.Value)
		if c.needs() {
			out.Needs = append(out.Needs, [3]int64{int64(i), c.Low, c.High})
		}
	}
	for r := range int32(s.Relations()) {
		var terms [][2]int
		for _, t := range s.relation(r) {
			terms = append(terms, [2]int{int(t.Cell), int(t.Coef)})
		}
		out.Relations = append(out.Relations, terms)
	}
	return out
}
