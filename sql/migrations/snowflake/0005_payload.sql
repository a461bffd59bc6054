-- What the ledger says of each payload, written anew by every load; DuckDB
-- reads it from the ledger. filename as in segment_row.
create table if not exists segment_payload (
    filename varchar not null,
    seq bigint not null,
    registry varchar not null,
    segment varchar not null,
    sha256 varchar not null,
    path varchar not null,
    format varchar not null,
    action varchar not null,
    source_time bigint not null,
    records bigint not null,
    events bigint not null,
    rejects bigint not null
);

-- The refused records, as the lake has them; DuckDB reads them there.
create table if not exists segment_reject (
    filename varchar not null,
    file_row_number bigint not null,
    line bigint,
    record varchar,
    field varchar,
    code varchar,
    message varchar,
    remedy varchar,
    sender varchar
);
