-- One row a sender of the registry {registry}. {segments}: file, segment and
-- the day on which the payload came (of a replay: the payload that was refused).
-- Days of administration for events and timeliness, of receipt for records.
with of as (select * from (values {segments}) s(path, segment, day)),
sent as (
  select l.sender, l.vax_event_id, l.line, l.tombstone, o.segment, o.day
  from lake l join of o on o.path = l.path
), came as (
  select vax_event_id, min(day) as day from sent where not tombstone group by all
), live as (
  select s.sender, e.admin_date, case when e.admin_date_precision = 'day' and e.is_historical is distinct from true then date_diff('day', e.admin_date, c.day) end as lag
  from dose_event e join sent s on s.segment = e.segment and s.line = e.line
  join came c on c.vax_event_id = e.vax_event_id
  where e.registry = {registry} and e.admin_date between {from} and {to}
), events as (
  select sender, count(*) as events, median(lag) as median_days, avg(case when lag <= 1 then 1.0 when lag is not null then 0 end) as within_1,
         avg(case when lag <= 3 then 1.0 when lag is not null then 0 end) as within_3
  from live group by all
), records as (
  select sender, count(*) filter (day between {from} and {to}) as records, max(day) as last_seen from sent group by all
)
select r.sender, r.records, coalesce(e.events, 0) as events, e.median_days, e.within_1, e.within_3, cast(r.last_seen as varchar) as last_seen
from records r left join events e on e.sender = r.sender
order by r.sender
