-- Live events of a registry, and those of them that a snapshot ({files}) does
-- not hold; queries/snapshot_absent.sql, whose subquery Snowflake can't count by.
select coalesce(count_if(e.source_time < {before} and s.event_key is null), 0) as absent, count(*) as live
from event e
left join (select distinct event_key, vax_event_id from {files}) s on s.event_key = e.event_key and s.vax_event_id = e.vax_event_id
where e.registry = {registry} and not e.tombstone;
