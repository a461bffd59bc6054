-- How many rows there are to compare cell by cell.
select count(*) filter (change = 'changed') from read_parquet({rows})
