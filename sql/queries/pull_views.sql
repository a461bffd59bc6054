-- The views of an analyst's copy of one place. dose_event and the like are of
-- the newest release; dose_event_as_of('ID') and the like of any that is kept.
-- {folder} and {releases} are paths, {list} the releases here.
create table release as
select *, id = {current} as newest from (values {list}) r(id, ledger_seq, pulled_at) order by pulled_at desc;
create view dose_event as select * from read_parquet({folder} || '/dose_event.parquet');
create view dose as select * from read_parquet({folder} || '/dose.parquet');
create view recipient as select * from read_parquet({folder} || '/recipient.parquet');
create macro dose_event_as_of(release_id) as table select * from read_parquet({releases} || '/' || release_id || '/dose_event.parquet');
create macro dose_as_of(release_id) as table select * from read_parquet({releases} || '/' || release_id || '/dose.parquet');
create macro recipient_as_of(release_id) as table select * from read_parquet({releases} || '/' || release_id || '/recipient.parquet');
