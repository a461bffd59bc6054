-- The latest snapshot is asked of the ledger's segments, whose times may change.
drop table if exists snapshot;

-- How little of the day is known: 0 all, 1 the month, 2 the year.
alter table event add column if not exists coarse integer default 0;
