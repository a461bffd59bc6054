-- role: {governor}
-- What the account's history says of our queries (docs/SNOWFLAKE.md, cost):
-- ACCOUNT_USAGE is up to 45 minutes late, so a day is taken again until it is
-- two days old.
create table if not exists {database}.GOVERN.QUERY_USE (
    query_id varchar not null,
    query_tag varchar not null,
    warehouse_name varchar,
    started_at timestamp_ntz not null,
    elapsed_ms integer not null,
    bytes_scanned integer not null,
    partitions_scanned integer not null,
    partitions_total integer not null
);

create or replace task {database}.GOVERN.NOTE_USE
warehouse = {load_warehouse}
schedule = 'USING CRON 30 4 * * * America/Los_Angeles'
user_task_timeout_ms = 600000
suspend_task_after_num_failures = 5
as
insert into {database}.GOVERN.QUERY_USE
select q.query_id, q.query_tag, q.warehouse_name, cast(q.start_time as timestamp_ntz), q.total_elapsed_time, q.bytes_scanned, q.partitions_scanned, q.partitions_total
from SNOWFLAKE.ACCOUNT_USAGE.QUERY_HISTORY as q
where startswith(q.query_tag, 'dosebook') and q.start_time > dateadd('day', -2, current_timestamp())
  and q.query_id not in (select u.query_id from {database}.GOVERN.QUERY_USE as u);

alter task {database}.GOVERN.NOTE_USE resume;
