-- feed, kind, day, about, says, now.
insert into feed_notice (feed, kind, day, about, says, raised_at)
values (?, ?, ?, ?, ?, ?)
on conflict do nothing;
