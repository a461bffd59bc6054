-- The pairs of a person that were judged and hold the event.
select case when p.a = ?1 then p.b else p.a end as other, e.registry, e.vax_event_id, p.gap, p.score, p.vote, p.rule, p.verdict
from dose_pair p join event e on e.event_key = case when p.a = ?1 then p.b else p.a end
where p.a = ?1 or p.b = ?1
order by p.score desc, e.registry, e.vax_event_id;
