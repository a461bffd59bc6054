-- A comparison of two releases asks their files by name; the one view is for
-- what was loaded: {segment_a} and {segment_b} are the segment tables.
create view known_a as
select registry, segment from read_parquet({segment_a});
