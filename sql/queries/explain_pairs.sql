-- The pairs of a person that were judged and hold the event at a place.
with asked as (select event_key as k from event where place = ?1)
select case when p.a = k then p.b else p.a end as other, e.registry, e.vax_event_id, p.gap, p.score, p.vote, p.rule, p.verdict
from asked, dose_pair p join event e on e.event_key = case when p.a = (select k from asked) then p.b else p.a end
where p.a = k or p.b = k
order by p.score desc, e.registry, e.vax_event_id;
