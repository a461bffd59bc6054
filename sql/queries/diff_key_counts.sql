-- How many rows of a place to compare cell by cell, and how many may have moved.
select count(*) filter (kind = 'both'), count(*) filter (kind in ('added', 'removed')) from read_parquet({keys})
