-- The changes by key, for who asked for rows. Nothing of a person.
select county, change, cause, coalesce(other, ''), registry, vax_event_id, columns
from read_parquet({rows}) order by county, change, registry, vax_event_id
