-- A component larger than {component_limit} is held for review: shared phone
-- numbers chain people together. Until then each recipient is a person.
create or replace temp table settled_person as
select l.recip, l.component, case when c.size > {component_limit} then l.recip else l.component end as person_id
from label l join (select component, count(*) as size from label where recip not in (select recip from unseen) group by component) c
  on c.component = l.component;

create or replace temp table moved as
select p.recip, p.born, s.component, s.person_id, p.person_id as was
from person p join settled_person s on s.recip = p.recip
where s.component <> p.component or s.person_id <> p.person_id;
delete from person where recip in (select recip from moved);
insert into person select recip, born, component, person_id from moved;

-- Persons to recompute, as they were and as they are. A small table to join
-- events with: left to itself, the planner hashes all persons for a day's load.
create or replace temp table scope_person as
select person_id from person where recip in (select recip from scope)
union select was from moved;
create or replace temp table scope_member as
select recip, person_id from person where person_id in (select person_id from scope_person);
