insert into payload_name (sha256, registry, action, name, source_time, seen_at) values (?, ?, ?, ?, ?, ?)
on conflict do nothing;
