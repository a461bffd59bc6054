package pipelines

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/dosebook/dosebook/dose"
)

// Entries of two dictionaries are compared by what they say, in any order, and
// however often.
func TestDifferDict(t *testing.T) {
	t.Parallel()
	make := func(values ...string) *array.Dictionary {
		b := array.NewDictionaryBuilder(memory.DefaultAllocator, dose.Dictionary).(*array.BinaryDictionaryBuilder)
		defer b.Release()
		for _, v := range values {
			if v == "" {
				b.AppendNull()
			} else if err := b.AppendString(v); err != nil {
				t.Fatal(err)
			}
		}
		return b.NewDictionaryArray()
	}
	old, now := make("a", "b", "", "b", "a"), make("b", "a", "", "c", "b")
	differ := differs(old, now)
	for range 2 {
		for i := range old.Len() {
			for j := range now.Len() {
				if got, want := differ(i, j), textAt(old, i) != textAt(now, j); got != want {
					t.Errorf("%q, %q: differ %v", textAt(old, i), textAt(now, j), got)
				}
			}
		}
	}
	if none := differs(nil, now); none(0, 2) || !none(0, 0) {
		t.Error("a column that was not there is null")
	}
}
