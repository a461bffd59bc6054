package main

import (
	"hash/maphash"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// idSet remembers ids by 64 bits of a hash: 11 to 22 bytes an id, however long
// they are. Of 100 million different ids two are taken for one in one file of
// 1,800.
type idSet struct {
	seed  maphash.Seed
	parts [64]idPart // so that growing copies little at a time
}

// idPart is a hash table with open addresses; 0 is a free place.
type idPart struct {
	at []uint64
	n  int
}

func newIDSet() *idSet { return &idSet{seed: maphash.MakeSeed()} }

// hash returns the hash of each id, in any case, and 0 for none. It may be
// called on any goroutine.
func (s *idSet) hash(ids arrow.Array) []uint64 {
	out := make([]uint64, ids.Len())
	for row := range out {
		if id := textAt(ids, row); id != "" {
			out[row] = maphash.String(s.seed, strings.ToUpper(id)) | 1 // never 0; one bit less
		}
	}
	return out
}

// add takes a hash in, and tells whether it is new.
func (s *idSet) add(h uint64) bool {
	p := &s.parts[h>>58]
	if 4*p.n >= 3*len(p.at) {
		p.grow()
	}
	if !p.put(h) {
		return false
	}
	p.n++
	return true
}

func (p *idPart) put(h uint64) bool {
	mask := uint64(len(p.at) - 1)
	for i := h >> 1 & mask; ; i = (i + 1) & mask {
		switch p.at[i] {
		case 0:
			p.at[i] = h
			return true
		case h:
			return false
		}
	}
}

func (p *idPart) grow() {
	old := p.at
	p.at = make([]uint64, max(16, 2*len(old)))
	for _, h := range old {
		if h != 0 {
			p.put(h)
		}
	}
}
