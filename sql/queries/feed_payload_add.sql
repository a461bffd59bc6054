insert into feed_payload (run, feed, sha256, name, action, day, records, rejects, state, at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do nothing;
