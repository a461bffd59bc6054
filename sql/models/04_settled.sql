-- What is in force, and which keys and recipients it concerns anew.
create or replace temp table moved_id as
with recursive step as (
  select entity, old_registry, old_id, old_key, new_registry, new_id, new_key, 1 as depth from alias where entity in ('event', 'recipient')
  union all
  select s.entity, s.old_registry, s.old_id, s.old_key, a.new_registry, a.new_id, a.new_key, s.depth + 1
  from step s join alias a on a.entity = s.entity and a.old_registry = s.new_registry and a.old_id = s.new_id
  where s.depth < 16
)
select entity, old_registry, old_id, old_key, new_registry, new_id, new_key
from (select *, row_number() over (partition by entity, old_registry, old_id order by depth desc, new_key) as n from step) r where n = 1;
create or replace temp table moved_event as select * from moved_id where entity = 'event';

-- Recipient ids that stand under one id, which no event need have had.
create or replace temp table tied as
select old_key as recip, new_key as tie from moved_id where entity = 'recipient'
union
select new_key, new_key from moved_id where entity = 'recipient';

create or replace temp table settled as
select entity, least(a, b) as a, greatest(a, b) as b, b as outsider, verdict
from (select *, row_number() over (partition by entity, least(a, b), greatest(a, b) order by place desc) as n from decision) r
where n = 1 and verdict <> 'open';

create or replace temp table reread as
select old_key as event_key from alias where entity = 'event' and place >= {first_place}
union select m.new_key from moved_event m join alias a on a.old_key = m.old_key where a.place >= {first_place};

create or replace temp table redecided as
select old_key as recip from alias where entity = 'recipient' and place >= {first_place}
union select new_key from alias where entity = 'recipient' and place >= {first_place}
union select a from decision where entity = 'person' and place >= {first_place}
union select b from decision where entity = 'person' and place >= {first_place}
union select e.recip from event e join decision d on e.event_key in (d.a, d.b) where d.entity = 'dose' and d.place >= {first_place};
