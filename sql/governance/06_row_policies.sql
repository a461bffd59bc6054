-- role: {governor}
-- A policy in use can't be replaced, so it is made shut and its body is set
-- (Snowflake, ALTER ROW ACCESS POLICY). The rule is rule/place.sql, which
-- says what access.Decide says of place files.
create row access policy if not exists {database}.GOVERN.PLACE_ROWS as (home varchar, city varchar, given varchar) returns boolean -> false;

alter row access policy {database}.GOVERN.PLACE_ROWS set body -> {rule_limited};

-- What access calls state files: for the state's roles alone.
create row access policy if not exists {database}.GOVERN.STATE_ROWS as (any_column varchar) returns boolean -> false;

alter row access policy {database}.GOVERN.STATE_ROWS set body -> {rule_state};

-- The records as they were received, which may hold anything: for the state's
-- roles at level identified, as the release's file (serve, stateLevels).
create row access policy if not exists {database}.GOVERN.STATE_RECORDS as (any_column varchar) returns boolean -> false;

alter row access policy {database}.GOVERN.STATE_RECORDS set body -> {rule_records};
