-- The tables of DuckDB's store of the same number; sql/migrations/duckdb says
-- what they hold. Each statement runs once and by itself, because DDL commits
-- on Snowflake; the migrator notes which ones have run. No keys: Snowflake
-- enforces none, the lease and the position keep a run from counting twice.

create table if not exists event (
    registry varchar not null,
    vax_event_id varchar not null,
    event_key bigint not null,
    source_time bigint not null,
    place bigint not null,
    born bigint not null,
    tombstone boolean not null,
    recip bigint not null,
    name_key bigint,
    admin_date date,
    lot integer,
    org integer,
    cvx integer,
    formula integer not null,
    dose_num integer,
    county integer not null,
    city integer not null,
    admin_county integer,
    historical boolean,
    countable boolean not null,
    filled integer not null,
    age_group integer not null,
    race_eth integer not null,
    hpi_quartile integer,
    content bigint not null
);

create table if not exists superseded (event_key bigint not null, place bigint not null, source_time bigint not null);

create table if not exists person (recip bigint not null, born bigint not null, component bigint not null, person_id bigint not null);

create table if not exists derived (
    place bigint not null,
    person_id bigint not null,
    dose_id bigint,
    is_primary boolean not null,
    dose_ordinal integer,
    interval_days integer,
    interval_valid boolean,
    full_date date,
    admin_date date,
    county smallint not null,
    city smallint not null,
    admin_county smallint,
    product smallint not null,
    formula smallint not null,
    dose_num smallint,
    age_group smallint not null,
    race_eth smallint not null,
    hpi_quartile smallint
);

create table if not exists dose_pair (
    person_id bigint not null,
    a bigint not null,
    b bigint not null,
    gap integer not null,
    score double not null,
    vote integer not null,
    rule varchar not null,
    verdict varchar not null
);

create table if not exists alias (
    entity varchar not null,
    old_registry varchar not null,
    old_id varchar not null,
    old_key bigint not null,
    new_registry varchar not null,
    new_id varchar not null,
    new_key bigint not null,
    place bigint not null
);

create table if not exists decision (
    entity varchar not null,
    a bigint not null,
    b bigint not null,
    verdict varchar not null,
    place bigint not null
);

create table if not exists snapshot (registry varchar not null, source_time bigint not null, place bigint not null);

create table if not exists product (cvx integer not null, product integer not null, class varchar not null);

create table if not exists position (seq bigint not null);

create table if not exists applied (
    seq bigint not null,
    adds bigint not null,
    updates bigint not null,
    deletes bigint not null,
    unchanged bigint not null
);

create table if not exists event_issue (place bigint not null, code varchar not null);

-- The wide rows of every version, which DuckDB reads from the lake instead.
-- Append-only; times are microseconds; street_key is the street folded to
-- A-Z0-9 (load/snowflake/spool.go).
create table if not exists segment_row (
    filename varchar not null,
    file_row_number bigint not null,
    place bigint not null,
    street_key varchar,
    registry varchar,
    vax_event_id varchar,
    ext_type varchar,
    pprl_id varchar,
    recip_id varchar,
    recip_first_name varchar,
    recip_middle_name varchar,
    recip_last_name varchar,
    recip_dob date,
    recip_sex varchar,
    recip_address_street varchar,
    recip_address_street_2 varchar,
    recip_address_city varchar,
    recip_address_county varchar,
    recip_address_state varchar,
    recip_address_zip varchar,
    recip_race_1 varchar,
    recip_race_2 varchar,
    recip_race_3 varchar,
    recip_race_4 varchar,
    recip_race_5 varchar,
    recip_race_6 varchar,
    recip_ethnicity varchar,
    admin_date date,
    cvx integer,
    ndc varchar,
    mvx varchar,
    lot_number varchar,
    vax_expiration date,
    vax_admin_site varchar,
    vax_route varchar,
    dose_num varchar,
    vax_series_complete varchar,
    responsible_org varchar,
    admin_name varchar,
    vtrcks_prov_pin varchar,
    admin_type varchar,
    admin_address_street varchar,
    admin_address_street_2 varchar,
    admin_address_city varchar,
    admin_address_county varchar,
    admin_address_state varchar,
    admin_address_zip varchar,
    vax_refusal varchar,
    cmorbid_status varchar,
    serology varchar,
    protection varchar,
    is_historical boolean,
    completion varchar,
    eligibility varchar,
    funding_source varchar,
    admin_date_precision varchar,
    recip_dob_precision varchar,
    county varchar,
    county_method varchar,
    admin_county varchar,
    lhj varchar,
    recip_race_eth varchar,
    recip_age integer,
    recip_age_group varchar,
    hpi_quartile integer,
    vaccine_name varchar,
    manufacturer varchar,
    vaccine_type varchar,
    line bigint,
    source_time bigint,
    action varchar,
    tombstone boolean,
    event_key bigint,
    recip_key bigint,
    name_key bigint,
    lot_key integer,
    org_key integer,
    content_key bigint,
    filled integer,
    entry_time varchar,
    information_source varchar,
    refusal_reason varchar,
    recip_phone varchar,
    recip_email varchar,
    sender_id varchar,
    control_id varchar
);

-- One row a run: the ledger's entries that it applied.
create table if not exists load_run (
    run_id varchar not null,
    first_seq bigint not null,
    last_seq bigint not null,
    files bigint not null,
    row_count bigint not null,
    committed_at bigint not null
);

-- Who loads now. Snowflake has no locks to ask for.
create table if not exists load_lease (target varchar not null, holder varchar, until_at bigint not null);

insert into load_lease select 'store', null, 0 from (select 1 as one) t where not exists (select 1 from load_lease);

insert into position select 0 from (select 1 as one) t where not exists (select 1 from position);
