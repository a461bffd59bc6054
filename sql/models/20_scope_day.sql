-- Whose answer may change: who is touched, those said to be one with them,
-- those joined with them, everyone who shares a name key with these, and those
-- joined with them in turn.
insert into touched select recip from redecided;
insert into touched
with recursive arc as (
  select recip as a, tie as b from tied union select tie, recip from tied
  union select a, b from settled where entity = 'person' and verdict = 'same'
  union select b, a from settled where entity = 'person' and verdict = 'same'
), near as (
  select recip from touched
  union
  select arc.b from near join arc on arc.a = near.recip
)
select recip from near;
create or replace temp table member as
select recip from touched
union select recip from person where component in (select component from person where recip in (select recip from touched));
create or replace temp table mate as
select distinct recip from event where name_key in
  (select name_key from event where recip in (select recip from member) and name_key is not null);
create or replace temp table scope as
select recip from member
union select recip from mate
union select recip from person where component in (select component from person where recip in (select recip from mate));
