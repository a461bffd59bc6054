-- Whose answer may change: who is touched, those said to be one with them,
-- those joined with them, everyone who shares a name key with these, and those
-- joined with them in turn.
create or replace temp table touched as
select recip from lost
union select recip from absent
union select recip from event where place >= {first_place}
union select recip from event where event_key in (select event_key from reread)
union select recip from redecided
-- An older row that does not count still tells that an event, or a recipient,
-- has been known for longer; that breaks ties and names people.
union select recip from judged where prior and v = versions and first_born < born
union select recip from arrived;
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
