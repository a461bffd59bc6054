-- The latest snapshot is asked of the ledger's segments, whose times may change.
drop table snapshot;

-- How little of the day is known: 0 all, 1 the month, 2 the year. A warehouse
-- that was filled before knows it once it is rebuilt.
alter table event add column coarse integer default 0;
