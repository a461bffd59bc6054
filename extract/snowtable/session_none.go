//go:build nosnowflake

package snowtable

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
)

// session of a build without the driver, which checks the configuration and
// makes no connection.
type session struct{}

func (s *Source) open(context.Context) (*session, error) {
	return nil, fmt.Errorf("this dosebook was built with -tags nosnowflake, without Snowflake's driver: %w", dose.ErrInvalid)
}

func (s *session) close() {}

func (s *session) describe(context.Context, string) ([]column, error) { return nil, nil }

func (s *session) read(context.Context, string, []string, func(arrow.RecordBatch) error) error {
	return nil
}
