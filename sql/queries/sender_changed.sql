insert into sender_change (registry, id, at, by, was, became, reason) values (?, ?, ?, ?, ?, ?, ?);
