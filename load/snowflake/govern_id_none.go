//go:build nosnowflake

package snowflake

import "context"

func withQueryID(ctx context.Context) (context.Context, func() string) {
	return ctx, func() string { return "" }
}
