package snowflake

import (
	"context"
	"fmt"

	sqltext "github.com/dosebook/dosebook/sql"
)

// migrate runs the statements that have not run. DDL commits, so there is no
// migration as a whole: each statement is noted when it is done, and does no
// harm when it is run twice.
func migrate(ctx context.Context, s *session) error {
	if _, err := s.exec(ctx, "make the table of migrations", "CREATE TABLE IF NOT EXISTS SCHEMA_MIGRATION (VERSION INTEGER NOT NULL, STATEMENT INTEGER NOT NULL)"); err != nil {
		return err
	}
	done, err := s.number(ctx, "read the migrations", "SELECT COALESCE(MAX(VERSION * 1000 + STATEMENT), 0) AS N FROM SCHEMA_MIGRATION")
	if err != nil {
		return err
	}
	names, err := sqltext.Migrations("snowflake")
	if err != nil {
		return err
	}
	for v, name := range names {
		statements, err := sqltext.Statements(name)
		if err != nil {
			return err
		}
		for i, text := range statements {
			if int64((v+1)*1000+i+1) <= done {
				continue
			}
			if _, err := s.exec(ctx, fmt.Sprintf("%s, statement %d", name, i+1), translate(text)); err != nil {
				return err
			}
			if _, err := s.exec(ctx, "note a migration", "INSERT INTO SCHEMA_MIGRATION VALUES (?, ?)", v+1, i+1); err != nil {
				return err
			}
		}
	}
	return nil
}
