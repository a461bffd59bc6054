package drop

import (
	"os"
	"testing"
	"time"
)

// BenchmarkFetch reads 64 MB from OpenSSH's server on this machine, and from a
// folder, down to the disk.
func BenchmarkFetch(b *testing.B) {
	const size = 64 << 20
	data := noise(size, 1)
	for _, kind := range []string{"sftp", "folder"} {
		b.Run(kind, func(b *testing.B) {
			var w *world
			if kind == "sftp" {
				s := startSSHD(b)
				w = newSFTPWorld(b, s, s.addr, nil)
			} else {
				w = newWorld(b, nil)
			}
			w.put("a.txt", string(data), 1)
			w.mustFetch()
			b.SetBytes(size)
			for b.Loop() {
				if err := os.RemoveAll(w.dir); err != nil {
					b.Fatal(err)
				}
				w.now = w.now.Add(time.Hour)
				if f := w.mustFetch(); len(f.Payloads) != 1 {
					b.Fatal(f.Note)
				}
			}
		})
	}
}
