-- The reject table of a release without refused records.
select cast(null as varchar) as registry, cast(null as varchar) as segment, cast(null as varchar) as path, cast(0 as bigint) as line,
       cast(null as varchar) as record, cast(null as varchar) as field, cast(null as varchar) as code,
       cast(null as varchar) as message, cast(null as varchar) as remedy, cast(null as varchar) as state
where false
