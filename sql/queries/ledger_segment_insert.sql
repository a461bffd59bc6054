insert into segment (seq, registry, segment, sha256, action, format, name, records, events, rejects, issues, files)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
