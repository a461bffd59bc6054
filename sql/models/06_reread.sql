-- The keys that are decided anew from all their versions: those of segments
-- whose source time turned out to be earlier ({files}); where one of them is a
-- snapshot ({snapshots} of registries), also what an older one said to be gone.
insert into reread
select coalesce(m.new_key, e.event_key)
from read_parquet({files}) e left join moved_event m on m.old_key = e.event_key and m.old_id = e.vax_event_id
union
select event_key from event where tombstone and registry in (select unnest({snapshots}::varchar[]));
