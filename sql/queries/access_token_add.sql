insert into access_token (user, name, hash, created_at, created_by, expires_at, places, level, kinds, replaces)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0))
