-- ?1 feed, ?2 latest believable time: due times of runs made while the clock
-- was wrong do not count.
update feed_run
set due_at = null
where feed = ?1 and due_at > ?2;
