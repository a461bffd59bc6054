-- A comparison of two releases asks their files by name; the one view is for
-- what the older one knew: {segment_a} is its segment table.
create view known_a as
select registry, segment from read_parquet({segment_a});
