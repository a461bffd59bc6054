-- A payload that was held before stays as it is, or as the steward decided.
insert into feed_held (feed, registry, format, sha256, name, action, source_time, reason, held_at)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (feed, sha256, action) do nothing;
