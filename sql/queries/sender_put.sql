insert into sender (registry, id, name, parent, region, kind, state, agreement, training) values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do update set name = excluded.name, parent = excluded.parent, region = excluded.region, kind = excluded.kind,
    state = excluded.state, agreement = excluded.agreement, training = excluded.training;
