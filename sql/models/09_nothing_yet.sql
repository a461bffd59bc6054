-- What the portions of an application gather for the steps after them: places
-- that no longer count, and recipients whose answer may change.
create or replace temp table lost (place bigint, recip bigint);
create or replace temp table touched (recip bigint);
