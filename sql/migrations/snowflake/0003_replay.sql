-- As DuckDB's of the same number.
create table if not exists replayed_reject (registry varchar not null, segment varchar not null, line bigint not null);

create table if not exists replayed_row (place bigint not null, turn bigint not null, root_line bigint not null);

create table if not exists whole_replay (seq bigint not null);
