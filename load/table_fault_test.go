package load

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dosebook/dosebook/dose"
)

// A file whose footer could not be written is never told as finished: its hash
// would be that of what is there, a cut file.
func TestTableTellsFailedWrites(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	table, err := NewTable(filepath.Join(t.TempDir(), "x.parquet"), []dose.Column{{Name: "id", Type: dose.Int}})
	if err != nil {
		t.Fatal(err)
	}
	_ = table.file.Close()
	table.file = full
	if f, err := table.Finish(); err == nil {
		t.Errorf("a file on a full disk is told as %+v", f)
	}
}
