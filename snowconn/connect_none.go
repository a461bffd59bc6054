//go:build nosnowflake

package snowconn

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/dosebook/dosebook/dose"
)

// A build without the driver knows the configuration and makes no connection.

// Open says what this build lacks.
func Open(Login, Secret) (*sql.DB, error) { return nil, errLacks() }

func errLacks() error {
	return fmt.Errorf("this dosebook was built with -tags nosnowflake, without Snowflake's driver: %w", dose.ErrInvalid)
}

// Tagged returns ctx.
func Tagged(ctx context.Context, _ string) context.Context { return ctx }

// Answer knows no error of the driver.
func Answer(error) (n int, state, query string, ok bool) { return 0, "", "", false }

// Describe says what this build lacks.
func Describe(context.Context, *sql.Conn, string) ([]Field, error) { return nil, ours{errLacks()} }

// Stream says what this build lacks.
func Stream(context.Context, *sql.Conn, string, []string, func([]Field) error, func(arrow.RecordBatch) error) error {
	return ours{errLacks()}
}
