-- How the rows of each segment stand: those of its events that count, of them
-- those that another event of the same dose outranks, those that say an event
-- is gone, and versions that a newer one replaced.
select seq, sum(live) - sum(outranked), sum(outranked), sum(gone), sum(older)
from (
  select place // 4294967296 as seq, count(*) filter (not tombstone) as live, 0 as outranked, count(*) filter (tombstone) as gone, 0 as older
  from event group by 1
  union all
  select place // 4294967296, 0, count(*), 0, 0 from derived where dose_id is not null and not is_primary group by 1
  union all
  select place // 4294967296, 0, 0, 0, count(*) from superseded group by 1
) x
group by seq
order by seq
