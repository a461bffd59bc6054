-- The views of a release. A row that stands in two counties' files is taken
-- from the county of residence, so each event is there once. {root} is the
-- release's folder; {dose_event} and the like are lists of files.
create view dose_event as
select * from read_parquet({dose_event}) where visible_because <> 'administration';
create view dose as
select * from read_parquet({dose}) where visible_because <> 'administration';
create view recipient as
select * from read_parquet({recipient}) where visible_because <> 'administration';
create view county_day as
select * from read_parquet({county_day});
create view county_demographic_day as
select * from read_parquet({county_demographic_day});
create view segment as
select * from read_parquet({segment});
create view reject as
select * from read_parquet({reject});
