-- The keys of segments whose source time turned out to be earlier. All their
-- versions are read again, so what stands under them is taken out first.
-- {files}: the Parquet files of those segments, or none.
create or replace temp table retimed_key as
select distinct event_key from read_parquet({files});
