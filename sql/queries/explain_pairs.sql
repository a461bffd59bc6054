-- The pairs of a person that were judged and hold the event at a place.
with asked as (select event_key as k from event where place = ?1),
hers as (
  select case when a = (select k from asked) then b else a end as other, gap, score, vote, rule, verdict
  from dose_pair where a = (select k from asked) or b = (select k from asked)
)
select h.other, e.registry, e.vax_event_id, h.gap, h.score, h.vote, h.rule, h.verdict
from hers h join event e on e.event_key = h.other
order by h.score desc, e.registry, e.vax_event_id;
