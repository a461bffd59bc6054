insert into payload_name (sha256, registry, name, source_time, seen_at) values (?, ?, ?, ?, ?)
on conflict do nothing;
