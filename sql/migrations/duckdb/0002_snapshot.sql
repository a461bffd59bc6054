-- The latest snapshot is asked of the ledger's segments, whose times may change.
drop table snapshot;
