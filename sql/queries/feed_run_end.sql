-- ?1 run, ?2 now, ?3 state, ?4 again, ?5 error.
update feed_run
set ended_at = ?2, state = ?3, again = ?4, error = ?5
where id = ?1;
