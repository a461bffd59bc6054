-- A component larger than {component_limit} is held for review: shared phone
-- numbers chain people together. Until then each recipient is a person.
create or replace temp table settled_person as
select l.recip, l.component, case when c.size > {component_limit} then l.recip else l.component end as person_id
from label l join (select component, count(*) as size from label where recip not in (select recip from unseen) group by component) c
  on c.component = l.component;

create or replace temp table moved as
select p.recip, p.born, coalesce(s.component, p.recip) as component, coalesce(s.person_id, p.recip) as person_id, p.person_id as was
from (select * from person where {in_scope}) p left join settled_person s on s.recip = p.recip
where p.component <> coalesce(s.component, p.recip) or p.person_id <> coalesce(s.person_id, p.recip);
delete from person where recip in (select recip from moved);
insert into person select recip, born, component, person_id from moved;

drop table if exists touched;
drop table if exists member;
drop table if exists mate;
drop table if exists candidate;
drop table if exists home;
drop table if exists link;
drop table if exists arc;
drop table if exists label;
drop table if exists label_next;
drop table if exists unseen;
drop table if exists settled_person;
