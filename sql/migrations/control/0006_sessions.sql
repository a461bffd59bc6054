-- Sign-in of people. Times are microseconds since 1970-01-01 UTC. A session
-- and a link stand here as SHA-256 only; nothing is deleted.

create table access_session (
    id         integer primary key autoincrement,
    user       text not null,           -- may have no grant yet
    hash       blob not null unique,
    roles      text not null,           -- that the user's groups open, separated by commas; '*': all
    created_at integer not null,
    expires_at integer not null,        -- however much it is used
    used_at    integer not null,        -- to the minute
    ended_at   integer
);
create index access_session_user on access_session (user);

-- Which person of the issuer a user's name stands for: the first who signed
-- in under it. A name that is given to somebody else opens nothing.
create table access_identity (
    user       text not null,
    issuer     text not null,
    subject    text not null,
    created_at integer not null,
    ended_at   integer
);
create unique index access_identity_user on access_identity (user) where ended_at is null;
create unique index access_identity_subject on access_identity (issuer, subject) where ended_at is null;

-- Links by which the first steward of a data directory is made.
create table access_first (
    hash       blob primary key,
    created_at integer not null,
    expires_at integer not null,
    used_at    integer
);
