package pipelines_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dosebook/dosebook/extract"
	"github.com/dosebook/dosebook/pipelines"
)

// numbered is a payload of n blocks that are numbers, and end in err.
type numbered struct {
	n, next int
	err     error
}

type numberBlock int

func (numberBlock) Decode() (*extract.Batch, error) { return nil, nil }

func (r *numbered) Next() (extract.Block, error) {
	if r.next == r.n {
		return nil, r.err
	}
	r.next++
	return numberBlock(r.next - 1), nil
}

func TestOrdered(t *testing.T) {
	const n = 200
	wrong := errors.New("wrong")
	slow := func() func(extract.Block) (int, error) {
		return func(b extract.Block) (int, error) {
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
			return int(b.(numberBlock)), nil
		}
	}
	for _, workers := range []int{0, 1, 4} {
		got := 0
		sink := func(i int) error {
			if i != got {
				t.Fatalf("%d workers: block %d comes in place of %d", workers, i, got)
			}
			got++
			return nil
		}
		if err := pipelines.Ordered(t.Context(), &numbered{n: n, err: io.EOF}, workers, slow, sink); err != nil || got != n {
			t.Errorf("%d workers: %d blocks, %v", workers, got, err)
		}
	}
	none := func(int) error { return nil }
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, err := range map[string]error{
		"reader": pipelines.Ordered(t.Context(), &numbered{n: n, err: wrong}, 2, slow, none),
		"work": pipelines.Ordered(t.Context(), &numbered{n: n, err: io.EOF}, 2, func() func(extract.Block) (int, error) {
			return func(extract.Block) (int, error) { return 0, wrong }
		}, none),
		"sink": pipelines.Ordered(t.Context(), &numbered{n: n, err: io.EOF}, 2, slow, func(int) error { return wrong }),
	} {
		if !errors.Is(err, wrong) {
			t.Errorf("an error of the %s came out as %v", name, err)
		}
	}
	if err := pipelines.Ordered(stopped, &numbered{n: n, err: io.EOF}, 2, slow, none); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}
