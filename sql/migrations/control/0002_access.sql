-- Access: who may see what, and what was done with it. Times are
-- microseconds since 1970-01-01 UTC. Nothing is ever deleted: a grant or a
-- token ends by its revoked_at.

create table access_user (
    name       text primary key,
    created_at integer not null,
    created_by text not null
);

create table access_grant (
    id         integer primary key autoincrement,
    user       text not null references access_user (name),
    role       text not null,
    places     text not null,          -- 'all', or codes separated by spaces
    level      text not null,
    expires_at integer not null,
    agreement  text not null,          -- number of the data access agreement
    training   text not null,          -- date of the privacy training, YYYY-MM-DD
    purpose    text not null,
    created_at integer not null,
    created_by text not null,
    revoked_at integer,
    revoked_by text
);
create index access_grant_user on access_grant (user);

-- A token is 256 random bits and stands here as its SHA-256 only.
create table access_token (
    id           integer primary key autoincrement,
    user         text not null references access_user (name),
    name         text not null,
    hash         blob not null unique,
    created_at   integer not null,
    created_by   text not null,
    expires_at   integer not null,
    last_used_at integer,
    revoked_at   integer,
    revoked_by   text
);
create index access_token_user on access_token (user);

-- The audit. hash = SHA-256(hash of the row before || entry); the first row
-- stands on 32 zero bytes. entry is the JSON that was hashed, byte for byte,
-- so that later columns change no old hash. autoincrement remembers the
-- highest seq, so that a cut tail shows too.
create table audit (
    seq   integer primary key autoincrement,
    entry text not null,
    hash  blob not null
);
create trigger audit_no_update before update on audit begin select raise(abort, 'the audit is append-only'); end;
create trigger audit_no_delete before delete on audit begin select raise(abort, 'the audit is append-only'); end;
