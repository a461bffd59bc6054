-- Rows that the control file counts, live events of the registry, and how many
-- of its events were reported after {until}.
select (select coalesce(cast(sum(n) as bigint), 0) from control_row), count(*) filter (not tombstone), 0, 0, 0, 0,
       count(*) filter (source_time > {until}), 0
from event where registry = {registry};
