package suppress

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// BenchmarkDay is one day of doses by 58 counties, seven ages and nine races,
// with all margins: 4,720 counts, most of them small. A year is 365 of them.
func BenchmarkDay(b *testing.B) {
	counties := dose.Counties()
	b.ReportAllocs()
	primary, other := 0, 0
	for i := range b.N {
		rng := rand.New(rand.NewPCG(365, uint64(i)))
		n := 0
		s := grid(rng, []int{len(counties), 7, 9}, false, func(rng *rand.Rand) int64 {
			people := float64(counties[n%len(counties)].Population)
			n++
			mean := people / 200 / 63 * math.Exp(rng.NormFloat64())
			return max(0, int64(mean+math.Sqrt(mean)*rng.NormFloat64()+0.5))
		})
		s.Hide(Small, nil)
		r, err := Protect(b.Context(), s, Options{})
		if err != nil {
			b.Fatal(err)
		}
		primary, other = primary+r.Count[Primary], other+r.Count[Complement]+r.Count[Extra]
	}
	b.ReportMetric(float64(primary)/float64(b.N), "primary/op")
	b.ReportMetric(float64(other)/float64(b.N), "complementary/op")
}
