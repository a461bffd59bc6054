-- What the ledger holds: segments with records (fresh are those that arrive
-- now), and inputs without. anew: an input that arrives now, or whose source
-- time turned out to be earlier.
create or replace temp table segment_in (seq bigint, path varchar, registry varchar, action varchar, source_time bigint, fresh boolean, snapshot boolean);
create or replace temp table input_in (seq bigint, path varchar, source_time bigint, anew boolean);
