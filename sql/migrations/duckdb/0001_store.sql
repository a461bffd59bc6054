-- Narrow tables over keys; the wide rows stay in the lake. No primary key and
-- no index anywhere: they cost 5 to 7 times on load and upsert. Uniqueness is
-- kept by the statements and proved by models/90_check.sql.
--
-- place = ledger sequence * 2^32 + row in the segment: pointer and tie-break.
-- event_key = 63-bit hash of (registry, vax_event_id): it finds candidates;
-- equality is always decided on the two texts. Times are microseconds since
-- 1970-01-01 UTC.

-- One row a key: the version that counts, tombstones included.
create table event (
    registry     varchar not null,
    vax_event_id varchar not null,
    event_key    bigint  not null,
    source_time  bigint  not null,
    place        bigint  not null,
    born         bigint  not null,   -- source_time of the oldest version: does not depend on arrival
    tombstone    boolean not null,
    recip        bigint  not null,   -- recip_key of the segment
    name_key     bigint,
    admin_date   date,
    lot          integer,
    org          integer,
    cvx          integer,
    formula      integer not null,   -- 0 original or unknown, 1 bivalent, 2 the vaccine of 2023-24, 3 of 2024-25, 4 of 2025-26
    dose_num     integer,            -- as reported, for CDPH's rule of before 2022-02-22
    county       integer not null,   -- FIPS as a number; 1 = OOS, 0 = UNK
    city         integer not null,   -- 1 berkeley, 2 long-beach, 3 pasadena, 0 none
    admin_county integer,
    historical   boolean,
    countable    boolean not null,   -- completed and not refused: could be a dose
    filled       integer not null,   -- how many of the 45 cells are filled
    age_group    integer not null,   -- 1 Under 5 … 6 65+, 0 unknown
    race_eth     integer not null,   -- place in the list of labels, 0 unknown
    hpi_quartile integer,
    content      bigint  not null
);

-- Versions that do not count, so that they can be found again.
create table superseded (event_key bigint not null, place bigint not null, source_time bigint not null);

-- One row a recipient id that was ever seen. component: all recipient ids that
-- the bridge rule joins, named by the oldest; person_id: the same, or the
-- recipient alone where the component is held for review.
create table person (
    recip     bigint not null,
    born      bigint not null,
    component bigint not null,
    person_id bigint not null
);

-- One row a live event: what follows from the whole set, and what a release
-- counts by, so that it needs no join.
create table derived (
    place        bigint  not null,
    person_id    bigint  not null,
    dose_id      bigint,             -- event_key of the oldest event of its group; null when it stands alone
    is_primary   boolean not null,
    dose_ordinal integer,
    interval_days  integer,          -- since the dose before it
    interval_valid boolean,          -- it kept the minimum interval in force on that day
    full_date    date,               -- first day the person's primary series was complete
    admin_date   date,
    county       smallint not null,
    city         smallint not null,
    admin_county smallint,
    product      smallint not null,
    formula      smallint not null,
    dose_num     smallint,
    age_group    smallint not null,
    race_eth     smallint not null,
    hpi_quartile smallint
);

-- Pairs of events of one person that came close enough to be judged.
create table dose_pair (
    person_id bigint not null,
    a         bigint not null,       -- event_key, the older event
    b         bigint not null,
    gap       integer not null,
    score     double not null,
    vote      integer not null,
    rule      varchar not null,      -- the rule that decided
    verdict   varchar not null       -- same, different, review
);

-- Ids that moved: an event, a recipient or an organisation under its old and
-- its new name (crosswalk feeds).
create table alias (
    entity       varchar not null,
    old_registry varchar not null,
    old_id       varchar not null,
    old_key      bigint  not null,
    new_registry varchar not null,
    new_id       varchar not null,
    new_key      bigint  not null,
    place        bigint  not null
);

-- What a steward decided: two events are the same dose or not, two recipients
-- the same person or not. The latest by place counts; 'different' takes b out
-- of its group, 'open' takes a decision back.
create table decision (
    entity  varchar not null,        -- dose, person
    a       bigint  not null,
    b       bigint  not null,
    verdict varchar not null,        -- same, different, open
    place   bigint  not null
);

-- The latest snapshot of each registry: what it did not hold is gone.
create table snapshot (registry varchar not null, source_time bigint not null, place bigint not null);

-- product: 1 Pfizer, 2 Moderna, 3 Janssen, 4 Novavax, 0 other.
create table product (cvx integer not null, product integer not null, class varchar not null);

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
