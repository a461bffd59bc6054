-- The tables of quality that a release holds (docs/QUALITY.md).
create view quality_day as
select * from read_parquet({quality_day});
create view quality_given as
select * from read_parquet({quality_given});
create view quality_county as
select * from read_parquet({quality_county});
create view quality_finding as
select * from read_parquet({quality_finding});
