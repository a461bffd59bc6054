-- ?1 id, ?2 now, ?3 who, ?4 outcome.
update feed_held
set ended_at = ?2, ended_by = ?3, outcome = ?4
where id = ?1 and ended_at is null;
