package suppress

import "slices"

// slab holds the partial moves of one search and their gaps. They are many,
// small, and end together: one by one they would keep the collector busy.
type slab struct {
	partials [][]partial
	gaps     [][]gap
	used     int // of partials
	at       int // chunk of gaps
}

const (
	slabChunk = 4096 // entries
	slabKept  = 64   // chunks that stay for the next search
)

// reset forgets all that was held.
func (s *slab) reset() {
	s.partials = slices.Delete(s.partials, min(len(s.partials), slabKept), len(s.partials))
	s.gaps = slices.Delete(s.gaps, min(len(s.gaps), slabKept), len(s.gaps))
	for i := range s.gaps {
		s.gaps[i] = s.gaps[i][:0]
	}
	s.used, s.at = 0, 0
}

// partial is room for one, which holds what an earlier one left there.
func (s *slab) partial() *partial {
	if s.used == len(s.partials)*slabChunk {
		s.partials = append(s.partials, make([]partial, slabChunk))
	}
	p := &s.partials[s.used/slabChunk][s.used%slabChunk]
	s.used++
	return p
}

// keep copies gaps.
func (s *slab) keep(gaps []gap) []gap {
	for s.at < len(s.gaps) && cap(s.gaps[s.at])-len(s.gaps[s.at]) < len(gaps) {
		s.at++
	}
	if s.at == len(s.gaps) {
		s.gaps = append(s.gaps, make([]gap, 0, max(slabChunk, len(gaps))))
	}
	to := &s.gaps[s.at]
	from := len(*to)
	*to = append(*to, gaps...)
	return (*to)[from:len(*to):len(*to)]
}
