-- The ledger: what was received, and in which order it counts. Rows are only
-- ever added; seq starts at 1 and has no gaps. Times are microseconds since
-- 1970-01-01 UTC.

-- Bytes as received, kept under raw/ by their SHA-256.
create table payload (
    sha256      text primary key,
    bytes       integer not null,
    received_at integer not null
);

-- Every name a payload came under, and as what: the same bytes may be added
-- one day and deleted another. The earliest source_time is the one that
-- counts; null where the name says none.
create table payload_name (
    sha256      text not null references payload (sha256),
    registry    text not null,
    action      text not null,
    name        text not null,
    source_time integer,
    seen_at     integer not null,
    primary key (sha256, registry, action, name)
);

-- kind 'segment': the rows of one payload entered the lake.
-- kind 'retime': an earlier source_time became known for that segment.
create table ledger (
    seq         integer primary key,
    kind        text not null check (kind in ('segment', 'retime')),
    registry    text not null,
    segment     text not null,
    source_time integer not null,
    written_at  integer not null
);

create table segment (
    seq         integer primary key references ledger (seq),
    registry    text not null,
    segment     text not null,          -- first 16 hex digits of the payload's SHA-256; -update, -delete, -snapshot where not an addition
    sha256      text not null references payload (sha256),
    action      text not null check (action in ('A', 'U', 'D', 'S')),
    format      text not null,          -- a decoder's name; crosswalk, decision: no records
    name        text not null,          -- the name it first came under
    records     integer not null,
    events      integer not null,
    rejects     integer not null,
    issues      text not null,          -- JSON: code -> count
    files       text not null,          -- JSON: [{path, bytes, sha256, rows}], paths relative to the lake
    unique (registry, segment)
);
