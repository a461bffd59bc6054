package suppress

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/dosebook/dosebook/dose"
)

// day is one day of doses by 58 counties, seven ages and nine races, with all
// margins: 4,720 counts, most of them small, in proportion to population.
func day(seed uint64) *System {
	counties := dose.Counties()
	n := 0
	s := grid(rand.New(rand.NewPCG(365, seed)), []int{len(counties), 7, 9}, false, func(rng *rand.Rand) int64 {
		people := float64(counties[n%len(counties)].Population)
		n++
		mean := people / 200 / 63 * math.Exp(rng.NormFloat64())
		return max(0, int64(mean+math.Sqrt(mean)*rng.NormFloat64()+0.5))
	})
	s.Hide(Small, nil)
	return s
}

func (r *Result) others() int { return r.Count[Complement] + r.Count[Extra] }

// BenchmarkDay is one such day, looked at from all sides. A year is 365 of
// them.
func BenchmarkDay(b *testing.B) {
	b.ReportAllocs()
	primary, other := 0, 0
	for i := range b.N {
		r, err := Protect(b.Context(), day(uint64(i)), Options{})
		if err != nil {
			b.Fatal(err)
		}
		primary, other = primary+r.Count[Primary], other+r.others()
	}
	b.ReportMetric(float64(primary)/float64(b.N), "primary/op")
	b.ReportMetric(float64(other)/float64(b.N), "complementary/op")
}

// BenchmarkYear protects and attacks a year of such days, each a table of its
// own, with the effort that releases take. It stops after 20 minutes and says
// how many days it did: -bench Year -benchtime 1x.
func BenchmarkYear(b *testing.B) {
	for range b.N {
		start, began := time.Now(), cpu()
		days, primary, other, attacked, rough := 0, 0, 0, 0, 0
		var attack time.Duration
		for ; days < 365 && time.Since(start) < 20*time.Minute; days++ {
			s := day(uint64(days))
			r, err := Protect(b.Context(), s, Options{Tries: 1, Tidy: 1})
			if err != nil {
				b.Fatalf("day %d: %v", days, err)
			}
			primary, other = primary+r.Count[Primary], other+r.others()
			before := cpu()
			bounds, err := Attack(b.Context(), s)
			if err != nil {
				b.Fatal(err)
			}
			attack += cpu() - before
			for _, x := range bounds {
				attacked++
				if x.Rough {
					rough++
				}
				if x.Leak {
					b.Fatalf("day %d: cell %d is bounded to %.1f–%.1f", days, x.Cell, x.Low, x.High)
				}
			}
			if days%30 == 29 {
				b.Logf("%d days: %v CPU, %v of it the attack", days+1, cpu()-began, attack)
			}
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.Logf("%d days: %d small, %d others hidden, %d attacked (%d roughly); %v CPU, %v of it the attack; %d MB from the system",
			days, primary, other, attacked, rough, cpu()-began, attack, m.Sys>>20)
	}
}
