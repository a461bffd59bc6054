package synth

// rng is splitmix64: a stream that costs a nanosecond a draw and needs no
// more state than its seed, so that any person can be made again at any time.
// Only integers are drawn: the bytes must not depend on a machine's floats.
type rng uint64

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash makes a number of a seed, a salt that says what for, and a key.
func hash(seed, salt, key uint64) uint64 {
	return mix(mix(seed+salt*0x9e3779b97f4a7c15) + key*0xd1342543de82ef95)
}

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// n draws from 0 … n-1.
func (r *rng) n(n int) int { return int((r.next() >> 32) * uint64(n) >> 32) }

// chance is true in so many of ten thousand cases.
func (r *rng) chance(per10k int) bool { return r.n(10_000) < per10k }

// at picks from the list.
func (r *rng) at(list []string) string { return list[r.n(len(list))] }

// weighted picks a place in weights.
func (r *rng) weighted(weights []int, sum int) int {
	x := r.n(sum)
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return len(weights) - 1
}

// share is a part of one, as a threshold for 32 random bits.
type share uint64

func shareOf(f float64) share { return share(f * (1 << 32)) }

// id is a one-to-one scramble of 40 bits, so that ids look unordered and are
// still unique.
func id(seed, x uint64) uint64 {
	const mask = 1<<40 - 1
	x = (x + mix(seed)) & mask
	for range 2 {
		x = x * 0x9e3779b97f4a7c15 & mask
		x ^= x >> 19
	}
	return x
}

// Salts keep the streams apart.
const (
	saltHousehold = 1 + iota
	saltPerson
	saltHistory
	saltDose
	saltChain
	saltOrder
	saltProvider
	saltSoft
	saltMoved
	saltFault
	saltFiles
	saltOverlap // and what of it, see overlap.go
	saltLocked  = 1 << 20
)
