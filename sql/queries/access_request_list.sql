-- The request ?1, or all when it is 0; with ?2 those that wait only.
select q.id, q.user, q.role, q.places, q.level, q.agreement, a.organisation, q.training, q.purpose, q.expires_at,
       q.asked_at, q.asked_by, q.state, q.decided_at, q.decided_by, q.reason, coalesce(q.grant_id, 0)
from access_request q join access_agreement a on a.number = q.agreement
where (?1 = 0 or q.id = ?1) and (not ?2 or q.state = 'waiting')
order by q.id
