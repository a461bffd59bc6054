//go:build !nosnowflake

package snowflake

import (
	"context"

	sf "github.com/snowflakedb/gosnowflake/v2"
)

// withQueryID lets the id be read of the one statement that runs under the
// context: the driver closes the channel after it.
func withQueryID(ctx context.Context) (context.Context, func() string) {
	ids := make(chan string, 1)
	return sf.WithQueryIDChan(ctx, ids), func() string {
		select {
		case id := <-ids:
			return id
		default:
			return ""
		}
	}
}
