-- role: {governor}
-- Who may see which place, up to which level, from when until when: what access
-- grants, said for Snowflake. 'dosebook warehouse policy sync' writes it and
-- nothing else does. Level: 0 deidentified, 1 limited, 2 identified. Place: a
-- county's FIPS, a city jurisdiction, OOS, UNK, or STATE for what is the
-- state's alone. Principal: the Snowflake user's name, or ACCOUNT. and the
-- locator of an account that reads through a share.
create table if not exists {database}.GOVERN.ACCESS_MAP (
    principal varchar not null,
    place varchar not null,
    level integer not null,
    from_at timestamp_ntz not null,
    until_at timestamp_ntz not null,
    grant_id integer not null
);

grant select, insert, delete on table {database}.GOVERN.ACCESS_MAP to role {loader};
