-- As DuckDB's of the same number.
create table if not exists closing (
    registry varchar not null,
    segment varchar not null,
    line bigint not null,
    verdict varchar not null,
    place bigint not null
);
