package cvrs

import (
	"encoding/binary"
	"math/bits"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	lows  = 0x7f7f7f7f7f7f7f7f
)

// separators appends the place of every tab and line feed in text[from:to] to
// pos. It looks at eight bytes at a time; text has slack behind to.
func separators(text []byte, from, to int, pos []uint32) []uint32 {
	n := len(pos)
	if cap(pos)-n < to-from+64 {
		pos = append(make([]uint32, 0, n+to-from+64), pos...)
	}
	pos = pos[:cap(pos)]
	for base := from; base < to; base += 64 {
		line := text[base : base+64 : base+64]
		var found uint64
		for k := 0; k < 64; k += 8 {
			w := binary.LittleEndian.Uint64(line[k:])
			// Per byte: at least 9, not at least 11, below 128.
			low := w & lows
			m := (low + (0x80-9)*ones) &^ (low + (0x80-11)*ones) &^ w & highs
			found |= (m >> 7 * 0x0102040810204080 >> 56) << k
		}
		if rest := to - base; rest < 64 {
			found &= 1<<rest - 1
		}
		for found != 0 {
			pos[n] = uint32(base + bits.TrailingZeros64(found))
			n++
			found &= found - 1
		}
	}
	return pos[:n]
}
