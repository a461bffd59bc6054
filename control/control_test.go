package control

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestOpenTwiceAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data #1")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := Open(t.Context(), dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			var n int
			if err := db.QueryRow("select count(*) from ledger").Scan(&n); err != nil || n != 0 {
				t.Error(n, err)
			}
		})
	}
	wg.Wait()
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "control.db"): 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", filepath.Base(path), st.Mode().Perm(), err)
		}
	}
}
