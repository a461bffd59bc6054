package extract

import "io"

// Fill reads into buf from n on until it is full or src ends, and returns how
// much of buf holds text. It tells of the end apart from errors, and of a
// source that gives nothing as io.ErrNoProgress.
func Fill(src io.Reader, buf []byte, n int) (filled int, ended bool, err error) {
	for idle := 0; n < len(buf); {
		m, err := src.Read(buf[n:])
		n += m
		if idle++; m > 0 {
			idle = 0
		}
		switch {
		case err == io.EOF:
			return n, true, nil
		case err != nil:
			return n, false, err
		case idle == 100:
			return n, false, io.ErrNoProgress
		}
	}
	return n, false, nil
}
