-- What is in force, and which keys and recipients it concerns anew. Of several
-- words on one thing the latest counts: by the source time of the payload that
-- says it, then by its place.

-- Where each old id leads.
create or replace temp table moved_step as
select entity, old_registry, old_id, old_key, new_registry, new_id, new_key, row_number() over (order by told, place) as word
from (select a.*, i.source_time as told,
             row_number() over (partition by a.entity, a.old_registry, a.old_id order by i.source_time desc, a.place desc) as n
      from alias a join input_in i on i.seq = a.place // 4294967296
      where a.entity in ('event', 'recipient')) r
where n = 1;

-- Ids that lead to each other in a circle, as when one moved back: the circle's
-- latest word names the id under which all of them stand. Only an id that is
-- old here and new there can be in one.
create or replace temp table circle as
with recursive step as (
  select entity, old_registry as registry, old_id as id, new_registry, new_id, word, 1 as depth
  from moved_step s where exists (select 1 from moved_step t where t.entity = s.entity and t.new_registry = s.old_registry and t.new_id = s.old_id)
  union all
  select s.entity, s.registry, s.id, t.new_registry, t.new_id, greatest(s.word, t.word), s.depth + 1
  from step s join moved_step t on t.entity = s.entity and t.old_registry = s.new_registry and t.old_id = s.new_id
  where s.depth < 16 and not (s.new_registry = s.registry and s.new_id = s.id)
)
select distinct entity, word from step where new_registry = registry and new_id = id;
delete from moved_step s where exists (
  select 1 from circle c join moved_step t on t.entity = c.entity and t.word = c.word
  where t.entity = s.entity and t.new_registry = s.old_registry and t.new_id = s.old_id);

create or replace temp table moved_id as
with recursive step as (
  select entity, old_registry, old_id, old_key, new_registry, new_id, new_key, 1 as depth from moved_step
  union all
  select s.entity, s.old_registry, s.old_id, s.old_key, t.new_registry, t.new_id, t.new_key, s.depth + 1
  from step s join moved_step t on t.entity = s.entity and t.old_registry = s.new_registry and t.old_id = s.new_id
  where s.depth < 16
)
select entity, old_registry, old_id, old_key, new_registry, new_id, new_key
from (select *, row_number() over (partition by entity, old_registry, old_id order by depth desc) as n from step) r where n = 1;
create or replace temp table moved_event as select * from moved_id where entity = 'event';

-- Recipient ids that stand under one id, which no event need have had.
create or replace temp table tied as
select old_key as recip, new_key as tie from moved_id where entity = 'recipient'
union
select new_key, new_key from moved_id where entity = 'recipient';

-- A decision on an event whose id moved is one on the id of now.
create or replace temp table decided as
select d.entity, coalesce(m.new_key, d.a) as a, coalesce(n.new_key, d.b) as b, d.verdict, i.source_time as told, d.place, i.anew
from decision d join input_in i on i.seq = d.place // 4294967296
left join moved_event m on d.entity = 'dose' and m.old_key = d.a
left join moved_event n on d.entity = 'dose' and n.old_key = d.b;

create or replace temp table settled as
select entity, least(a, b) as a, greatest(a, b) as b, b as outsider, verdict
from (select *, row_number() over (partition by entity, least(a, b), greatest(a, b) order by told desc, place desc) as n
      from decided where a <> b) r
where n = 1 and verdict <> 'open';

-- All keys that crosswalks connect with what is said anew: a later word may
-- part what an earlier one led together.
create or replace temp table reread as
with recursive said as (
  select a.* from alias a join input_in i on i.seq = a.place // 4294967296 where i.anew and a.entity = 'event'
), arc as (
  select old_key as a, new_key as b from alias where entity = 'event' and exists (select 1 from said)
  union
  select new_key, old_key from alias where entity = 'event' and exists (select 1 from said)
), near as (
  select old_key as event_key from said
  union
  select arc.b from near join arc on arc.a = near.event_key
)
select event_key from near;

create or replace temp table redecided as
select a.old_key as recip from alias a join input_in i on i.seq = a.place // 4294967296 where i.anew and a.entity = 'recipient'
union select a.new_key from alias a join input_in i on i.seq = a.place // 4294967296 where i.anew and a.entity = 'recipient'
union select a from decided where entity = 'person' and anew
union select b from decided where entity = 'person' and anew
union select e.recip from event e join decided d on e.event_key = d.a where d.entity = 'dose' and d.anew
union select e.recip from event e join decided d on e.event_key = d.b where d.entity = 'dose' and d.anew;
