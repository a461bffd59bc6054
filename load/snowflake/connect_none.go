//go:build nosnowflake

package snowflake

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/dosebook/dosebook/dose"
)

// A build without the driver knows the configuration and makes no connection.

func pool(Config, credentials) (*sql.DB, error) {
	return nil, fmt.Errorf("this dosebook was built with -tags nosnowflake, without Snowflake's driver: %w", dose.ErrInvalid)
}

func tagged(ctx context.Context, _ string) context.Context { return ctx }

func answer(error) (n int, state, query string, ok bool) { return 0, "", "", false }
