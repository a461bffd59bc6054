-- The keys that are decided anew from all their versions: those of segments
-- whose source time turned out to be earlier ({files}).
insert into reread
select coalesce(m.new_key, e.event_key)
from read_parquet({files}) e left join moved_event m on m.old_key = e.event_key and m.old_id = e.vax_event_id;
