-- ?1 feed, ?2 now, ?3 name, ?4 action, ?5 the new payload: a CVRS name is one
-- day's one file, so the same name again is its correction.
update feed_held
set ended_at = ?2, ended_by = 'dosebook', outcome = 'replaced'
where feed = ?1 and ended_at is null and name = ?3 and action = ?4 and sha256 <> ?5;
