package extract

import "testing"

func TestAppendWindows1252(t *testing.T) {
	if got := string(AppendWindows1252([]byte("x"), []byte("Jos\xe9 \x80 \x9f"))); got != "xJosé € Ÿ" {
		t.Errorf("%q", got)
	}
}
