package pipelines

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/dosebook/dosebook/extract"
)

// Ordered takes a payload's blocks through work on that many workers, and
// hands what became of them to sink, in the order of the payload. Each worker
// has its own work. At most two blocks a worker are in flight, so memory is
// bounded by the block. The first error ends it all.
func Ordered[T any](ctx context.Context, reader extract.Reader, workers int, work func() func(extract.Block) (T, error), sink func(T) error) error {
	type job struct {
		block extract.Block
		out   chan T
	}
	g, ctx := errgroup.WithContext(ctx)
	workers = max(1, workers)
	jobs, order := make(chan job), make(chan chan T, workers)
	g.Go(func() error {
		defer close(jobs)
		defer close(order)
		for {
			b, err := reader.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			j := job{b, make(chan T, 1)}
			if !sent(ctx, order, j.out) || !sent(ctx, jobs, j) {
				return ctx.Err()
			}
		}
	})
	for range workers {
		g.Go(func() error {
			do := work()
			for j := range jobs {
				out, err := do(j.block)
				if err != nil {
					return err
				}
				j.out <- out
			}
			return nil
		})
	}
	g.Go(func() error {
		for out := range order {
			select {
			case t := <-out:
				if err := sink(t); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return g.Wait()
}

// sent sends v unless the context ends first.
func sent[T any](ctx context.Context, c chan<- T, v T) bool {
	select {
	case c <- v:
		return true
	case <-ctx.Done():
		return false
	}
}
