update access_request
set state = ?, decided_at = ?, decided_by = ?, reason = ?, grant_id = nullif(?, 0)
where id = ? and state = 'waiting'
