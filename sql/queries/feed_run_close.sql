-- ?1 feed, ?2 now: runs that were killed. The caller holds the feed's lease.
update feed_run
set ended_at = ?2, state = 'interrupted', again = 1, error = 'the process ended before the run did'
where feed = ?1 and state = 'running';
