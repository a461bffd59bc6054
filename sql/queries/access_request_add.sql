insert into access_request (user, role, places, level, agreement, training, purpose, expires_at, asked_at, asked_by)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
