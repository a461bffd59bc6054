-- What quality asks, beside the tables that the findings are made of.
create view quality_day as
select * from read_parquet({quality_day});
