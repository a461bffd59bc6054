package cvrs

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSeparators(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 12))
	for n := range 300 {
		text := make([]byte, n, n+64)
		for i := range text {
			text[i] = byte(rnd.IntN(256))
			if rnd.IntN(3) == 0 {
				text[i] = byte(8 + rnd.IntN(6)) // the neighbours of tab and line feed
			}
		}
		for i := range text[n : n+64] { // what lies behind is not looked at
			text[n : n+64][i] = '\t'
		}
		from := rnd.IntN(n + 1)
		want := []uint32{7}
		for i := from; i < n; i++ {
			if text[i] == '\t' || text[i] == '\n' {
				want = append(want, uint32(i))
			}
		}
		if got := separators(text, from, n, []uint32{7}); !slices.Equal(got, want) {
			t.Fatalf("%q from %d: got %v, want %v", text, from, got, want)
		}
	}
}
