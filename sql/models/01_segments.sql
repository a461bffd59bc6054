-- What is being applied: segments with records (all that are known; fresh are
-- those that arrive now), and inputs without.
create or replace temp table segment_in (seq bigint, path varchar, registry varchar, action varchar, source_time bigint, fresh boolean, snapshot boolean);
create or replace temp table input_in (seq bigint, path varchar);
