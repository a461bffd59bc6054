-- The entries after ?1, as they were hashed.
select entry, hash
from audit
where seq > ?1
order by seq
