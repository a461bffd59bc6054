-- Access from request to expiry, tokens of their own scope, what was read by
-- whom, and notices. Times are microseconds since 1970-01-01 UTC, days are
-- YYYY-MM-DD. Nothing is deleted.

-- The organisations that users belong to, by their signed agreements. A
-- renewed agreement is a new number.
create table access_agreement (
    number       text primary key,
    organisation text not null,
    signed       text not null,
    expires_at   integer not null,      -- at most two years after signing
    created_at   integer not null,
    created_by   text not null,
    ended_at     integer,               -- ended early: its grants end with it
    ended_by     text
);

create table access_request (
    id         integer primary key autoincrement,
    user       text not null,
    role       text not null,
    places     text not null,
    level      text not null,
    agreement  text not null references access_agreement (number),
    training   text not null,
    purpose    text not null,
    expires_at integer not null,        -- wished for
    asked_at   integer not null,
    asked_by   text not null,
    state      text not null default 'waiting' check (state in ('waiting', 'approved', 'denied')),
    decided_at integer,
    decided_by text not null default '',
    reason     text not null default '',
    grant_id   integer references access_grant (id)
);

-- A grant's row never changes; that it is still needed is said here, and
-- until when it then runs.
create table access_attestation (
    id       integer primary key autoincrement,
    grant_id integer not null references access_grant (id),
    until    integer not null,
    training text not null,
    reason   text not null,
    at       integer not null,
    by       text not null
);
create index access_attestation_grant on access_attestation (grant_id);

-- Empty: as far as the user's grants go.
alter table access_token add column places text not null default '';
alter table access_token add column level text not null default '';
alter table access_token add column kinds text not null default '';
alter table access_token add column replaces integer references access_token (id);

-- The latest time that was ever entered: a clock behind it can't judge what
-- has expired.
create table access_clock (
    id      integer primary key check (id = 1),
    seen_at integer not null
);

-- What a user read on a day (UTC), each file once however often it was asked
-- for. It follows from the audit, and answers who saw a place and how much is
-- usual.
create table access_reading (
    day     text not null,
    user    text not null,
    release text not null,
    place   text not null,              -- empty: the state's tables
    file    text not null,
    rows    integer not null,
    seq     integer not null,           -- first audit entry
    primary key (day, user, release, place, file)
);
create index access_reading_place on access_reading (place, day);

create table access_notice (
    id        integer primary key autoincrement,
    kind      text not null check (kind in ('request', 'expiring', 'volume', 'denied')),
    day       text not null,
    about     text not null,            -- a user, a request or a grant
    says      text not null,
    raised_at integer not null,
    unique (kind, day, about)
);
create table access_notice_sent (
    notice  integer not null references access_notice (id),
    channel text not null,
    sent_at integer not null,
    primary key (notice, channel)
);
