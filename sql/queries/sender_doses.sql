-- What each site's inventory should have gone down by: doses that were given,
-- by product and lot, each once, whoever else reported it too.
with of as (select * from (values {segments}) s(path, segment, day))
select l.sender, coalesce(cast(e.cvx as varchar), '') as cvx, coalesce(e.ndc, '') as ndc, coalesce(e.lot_number, '') as lot, count(distinct e.dose_id) as doses
from dose_event e
join (select l.sender, l.line, o.segment from lake l join of o on o.path = l.path) l on l.segment = e.segment and l.line = e.line
where e.registry = {registry} and e.admin_date between {from} and {to} and e.completion = 'CP' and coalesce(e.vax_refusal, 'NO') <> 'YES'
  and e.is_historical is distinct from true
group by all
order by all
