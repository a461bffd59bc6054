-- Senders of one registry, or of all ('').
select registry, id, name, parent, region, kind, state, agreement, training
from sender where ?1 in ('', registry)
order by registry, id;
