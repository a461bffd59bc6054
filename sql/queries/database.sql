-- A DuckDB file of one place, or of the de-identified records: the views of a
-- release that its reader may see. {…} are lists of files or rows.
create table release as
select * from (values {release}) as r (id, ledger_seq, place, level);
create table feed_status as
select * from (values {feeds}) as f (registry, newest, last_seq, payloads, records, rejects);
create table dose_event as
select * from read_parquet({dose_event});
create view dose as
select * from dose_event where is_primary;
create table recipient as
select * from read_parquet({recipient});
