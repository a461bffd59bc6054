-- Every version of the events under the given keys, current or not.
select e.place, e.source_time, e.tombstone, true as current
from event e where e.event_key in (select unnest(?1::bigint[]))
union all
select s.place, s.source_time, null, false
from superseded s where s.event_key in (select unnest(?1::bigint[]))
order by 2, 1;
