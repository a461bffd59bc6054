-- ?1 feed, ?2 now, ?3 due time or null, ?4 attempt.
insert into feed_run (feed, started_at, state, step, due_at, attempt)
values (?1, ?2, 'running', 'fetch', ?3, ?4);
