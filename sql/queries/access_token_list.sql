-- Tokens of the user ?1, or of all users when it is empty.
select id, user, name, created_at, created_by, expires_at, last_used_at, revoked_at, coalesce(revoked_by, ''), places, level, kinds, coalesce(replaces, 0)
from access_token
where ?1 = '' or user = ?1
order by id
