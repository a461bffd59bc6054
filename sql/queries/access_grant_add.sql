insert into access_grant (user, role, places, level, expires_at, agreement, training, purpose, created_at, created_by)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
