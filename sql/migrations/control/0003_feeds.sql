-- Feeds: where each stands, what its runs did, what is held, who was told.
-- Times are microseconds since 1970-01-01 UTC, days are Pacific dates.

create table feed (
    name    text primary key,
    since   integer not null,              -- first seen: nothing is due or expected before
    mark    text not null default '',      -- the source's; moves when all it brought is in the ledger or held
    pending text not null default '[]'     -- JSON: what the source has not yet been told is done
);

create table feed_run (
    id         integer primary key autoincrement,
    feed       text not null references feed (name),
    started_at integer not null,
    ended_at   integer,
    state      text not null check (state in ('running', 'ok', 'nothing', 'rejects', 'held', 'failed', 'interrupted')),
    step       text not null,              -- fetch, wait, load, finish: where it is, or where it ended
    again      integer not null default 0, -- failed for a reason that another try may cure
    error      text not null default '',
    note       text not null default '',   -- the source's
    payloads   integer not null default 0, -- brought, known ones too
    fresh      integer not null default 0, -- of them new
    records    integer not null default 0,
    rejects    integer not null default 0,
    due_at     integer,                    -- the due time this run is for; null: none had come
    attempt    integer not null            -- of this due time, from 1
);
create index feed_run_feed on feed_run (feed, id);

-- What each run brought. day is the date in a CVRS name.
create table feed_payload (
    run       integer not null references feed_run (id),
    feed      text not null references feed (name),
    sha256    text not null,
    name      text not null,
    action    text not null,
    day       text,
    records   integer not null,
    rejects   integer not null,
    state     text not null check (state in ('loaded', 'known', 'held', 'refused')),
    at        integer not null,
    primary key (run, sha256, action)
);
create index feed_payload_feed on feed_payload (feed, sha256);

-- Payloads that are kept in raw/ but not in the ledger, until a steward
-- releases or drops them.
create table feed_held (
    id          integer primary key autoincrement,
    feed        text not null references feed (name),
    registry    text not null,
    format      text not null,
    sha256      text not null,
    name        text not null,
    action      text not null,
    source_time integer not null,          -- 0 where the source says none
    reason      text not null,
    held_at     integer not null,
    ended_at    integer,
    ended_by    text,
    outcome     text check (outcome in ('released', 'dropped', 'replaced')),
    unique (feed, sha256, action)
);

-- What somebody has to know: once for each feed, kind, day and subject.
create table feed_notice (
    id         integer primary key autoincrement,
    feed       text not null references feed (name),
    kind       text not null check (kind in ('late', 'held', 'failing')),
    day        text not null,
    about      text not null,
    says       text not null,
    raised_at  integer not null,
    cleared_at integer,
    unique (feed, kind, day, about)
);
create table feed_notice_sent (
    notice  integer not null references feed_notice (id),
    channel text not null,
    sent_at integer not null,
    primary key (notice, channel)
);
