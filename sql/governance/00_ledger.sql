-- role: SYSADMIN
-- What must be there before anything can be noted as applied. These run at
-- each apply; each does nothing where it was done.
create database if not exists {database};

create schema if not exists {database}.GOVERN with managed access;

-- Which statement of the plan stands as it is: slot is its file and number,
-- hash that of its text. The latest row of a slot counts.
create table if not exists {database}.GOVERN.APPLIED_STATEMENT (
    slot varchar not null,
    hash varchar not null,
    outcome varchar not null,
    query_id varchar not null,
    applied_at timestamp_ntz not null
);
