-- Narrow tables over keys; the wide rows stay in the lake. No primary key and
-- no index anywhere: they cost 5 to 7 times on load and upsert. Uniqueness is
-- kept by the statements and proved by models/90_check.sql.
--
-- place = ledger sequence * 2^32 + row in the segment: pointer and tie-break.
-- event_key = 64-bit hash of (registry, vax_event_id): it finds candidates;
-- equality is always decided on the two texts.

-- One row a key: the version that counts, tombstones included.
create table event (
    registry     varchar not null,
    vax_event_id varchar not null,
    event_key    bigint  not null,
    source_time  bigint  not null,   -- microseconds since 1970-01-01 UTC
    place        bigint  not null,
    born         bigint  not null,   -- source_time of the oldest version: does not depend on arrival
    tombstone    boolean not null,
    recip        bigint  not null,   -- recip_key of the segment
    admin_date   date,
    cvx          integer,
    county       integer not null,   -- FIPS as a number; 1 = OOS, 0 = UNK
    city         integer not null,   -- 1 berkeley, 2 long-beach, 3 pasadena, 0 none
    admin_county integer,
    countable    boolean not null,   -- completed and not refused: could be a dose
    content      bigint  not null
);

-- One row a live event: what follows from the whole set.
create table derived (
    place        bigint  not null,
    person_id    bigint  not null,
    is_primary   boolean not null,
    dose_ordinal integer,
    full_date    date                -- first day the person's primary series was complete
);

create table product (cvx integer not null, product integer not null);  -- 1 Pfizer, 2 Moderna, 3 Janssen

create table position (seq bigint not null);  -- one row: the last ledger entry applied

create table applied (
    seq       bigint not null,
    adds      bigint not null,
    updates   bigint not null,
    deletes   bigint not null,
    unchanged bigint not null
);

-- Findings that only the whole set can make, by row.
create table event_issue (place bigint not null, code varchar not null);
