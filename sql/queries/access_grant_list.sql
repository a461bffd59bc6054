-- Grants of the user ?1, or of all users when it is empty.
select id, user, role, places, level, expires_at, agreement, training, purpose, created_at, created_by, revoked_at, coalesce(revoked_by, '')
from access_grant
where ?1 = '' or user = ?1
order by id
