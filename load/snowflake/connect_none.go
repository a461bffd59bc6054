//go:build nosnowflake

package snowflake

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
)

// A build without the driver knows the configuration and makes no connection.

func pool(Config, credentials) (*sql.DB, error) {
	return nil, fmt.Errorf("this dosebook was built with -tags nosnowflake, without Snowflake's driver: %w", dose.ErrInvalid)
}

func tagged(ctx context.Context, _ string) context.Context { return ctx }

func answer(error) (n int, state, query string, ok bool) { return 0, "", "", false }

func arrowRows(context.Context, *sql.Conn, string, func([]field) error, func(arrow.RecordBatch) error) error {
	return nil
}
