insert into access_reading (day, user, release, place, file, rows, seq)
values (?, ?, ?, ?, ?, ?, ?)
on conflict do nothing
