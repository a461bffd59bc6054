-- As the model; lists are brackets, not arrays.
insert into reread
select coalesce(m.new_key, e.event_key)
from {files} e left join moved_event m on m.old_key = e.event_key and m.old_id = e.vax_event_id
union
select event_key from event where tombstone and registry in ({snapshots});
