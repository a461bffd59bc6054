-- The place's own lines of the state's published table.
create table county_day as
select * from read_parquet({county_day}) where county_fips = {place};
