-- Senders: the organisations and sites of each registry, and how far their
-- data exchange has come. Replays: refused records that were loaded again.
-- Times are microseconds since 1970-01-01 UTC, dates are YYYY-MM-DD or empty.

create table sender (
    registry  text not null,
    id        text not null,           -- MSH-4, PIN or organisation code, as records name it
    name      text not null,
    parent    text not null,           -- id of the parent organisation, or empty
    region    text not null,
    kind      text not null check (kind in ('clinical', 'non-clinical')),
    state     text not null check (state in ('enrolled', 'testing', 'production', 'suspended')),
    agreement text not null,           -- date of the provider agreement
    training  text not null,           -- date of the training
    primary key (registry, id)
);

-- Who changed what. id is empty where the registry as a whole changed: whether
-- its senders are checked ('off', 'required').
create table sender_change (
    seq      integer primary key autoincrement,
    registry text not null,
    id       text not null,
    at       integer not null,
    by       text not null,
    was      text not null,
    became   text not null,
    reason   text not null
);
create index sender_change_id on sender_change (registry, id, seq);
create trigger sender_change_no_update before update on sender_change begin select raise(abort, 'the history of senders is append-only'); end;
create trigger sender_change_no_delete before delete on sender_change begin select raise(abort, 'the history of senders is append-only'); end;

-- The registries whose senders are checked.
create table sender_policy (registry text primary key);

-- A segment that replays refused records of another: rejects of origin, which
-- is root itself or a replay of it, in the same registry. replay.parquet of
-- the segment names each; lines counts them.
create table replay (
    seq    integer primary key references segment (seq),
    origin text not null,
    root   text not null,
    lines  integer not null
);
