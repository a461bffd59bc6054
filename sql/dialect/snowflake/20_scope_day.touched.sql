-- Those said to be one with who is touched. Snowflake's recursion knows no
-- UNION that drops what it had: the loop follows, in Go.
insert into touched select recip from redecided;
create or replace temp table touched_arc as
select recip as a, tie as b from tied union select tie, recip from tied
union select a, b from settled where entity = 'person' and verdict = 'same'
union select b, a from settled where entity = 'person' and verdict = 'same';
