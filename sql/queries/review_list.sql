-- What waits for a steward: pairs of events that may be one dose, and groups
-- of recipient ids that are too large to be one person.
select 'dose' as entity, a.registry, a.vax_event_id as id, b.registry as other_registry, b.vax_event_id as other_id, p.rule, p.gap, p.score, 2 as size
from dose_pair p join event a on a.event_key = p.a join event b on b.event_key = p.b
where p.verdict = 'review'
union all
select 'person', any_value(e.registry), cast(h.component as varchar), null, null, 'component_limit', null, null, h.size
from (select component, count(*) as size from person group by component having count(*) > 1 and max(person_id) <> min(person_id)) h
join event e on e.recip = h.component
group by h.component, h.size
order by 1, 8 desc nulls last, 3
limit ?1;
