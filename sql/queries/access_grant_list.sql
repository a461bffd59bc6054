-- Grants of the user ?1, or of all users when it is empty. A grant runs until
-- its last attestation says, and never longer than its agreement.
select g.id, g.user, g.role, g.places, g.level,
       min(max(g.expires_at, coalesce((select max(t.until) from access_attestation t where t.grant_id = g.id), 0)),
           coalesce(a.expires_at, 9223372036854775807)),
       g.agreement, g.training, g.purpose, g.created_at, g.created_by,
       min(coalesce(g.revoked_at, a.ended_at), coalesce(a.ended_at, g.revoked_at)),
       coalesce(g.revoked_by, a.ended_by, '')
from access_grant g left join access_agreement a on a.number = g.agreement
where ?1 = '' or g.user = ?1
order by g.id
