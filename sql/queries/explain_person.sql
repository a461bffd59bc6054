-- The recipients that are one person with a recipient, with a place where the
-- lake shows each.
select p.recip, p.born, p.component, p.person_id, min(e.place) as place, any_value(e.registry) as registry
from person p join event e on e.recip = p.recip
where p.component = (select component from person where recip = ?1)
group by p.recip, p.born, p.component, p.person_id
order by p.born, p.recip;
