-- Grants of the user ?1, or of all users when it is empty. A grant runs until
-- its last attestation says, and never longer than its agreement: the caller
-- compares, so that a value which is no number is an error and not the
-- greatest of all.
select g.id, g.user, g.role, g.places, g.level, g.expires_at,
       (select max(t.until) from access_attestation t where t.grant_id = g.id), a.expires_at,
       g.agreement, g.training, g.purpose, g.created_at, g.created_by,
       g.revoked_at, coalesce(g.revoked_by, ''), a.ended_at, coalesce(a.ended_by, '')
from access_grant g left join access_agreement a on a.number = g.agreement
where ?1 = '' or g.user = ?1
order by g.id
