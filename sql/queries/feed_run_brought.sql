-- ?1 run, ?2 payloads, ?3 fresh, ?4 records, ?5 rejects, ?6 note.
update feed_run
set payloads = ?2, fresh = ?3, records = ?4, rejects = ?5, note = ?6
where id = ?1;
