-- Live events of a registry, and those of them that a snapshot does not hold.
select count(*) filter (e.source_time < ?2 and not exists (
         select 1 from read_parquet({files}) s where s.event_key = e.event_key and s.vax_event_id = e.vax_event_id)),
       count(*)
from event e
where e.registry = ?1 and not e.tombstone;
