-- A snapshot holds all of its registry's events. What was last reported before
-- it and is not in it is gone: it has no newer version, since the snapshot
-- would have brought one. So only the latest snapshot matters, and an older
-- file that arrives later changes nothing. Which one is the latest is asked
-- again each time: a snapshot may turn out to be older than was known.
create or replace temp table absent as
select e.place, e.recip, s.place as snapshot
from event e join (
    select registry, source_time, seq * 4294967296 as place
    from (select *, row_number() over (partition by registry order by source_time desc, seq desc) as n from segment_in where snapshot) r where n = 1) s
  on s.registry = e.registry
where not e.tombstone and e.source_time < s.source_time;

update event set tombstone = true where place in (select place from absent);

insert into lost select place, recip from absent;

insert into event_issue
select snapshot, 'ABSENT_FROM_SNAPSHOT' from absent;
