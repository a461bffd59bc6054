-- Rows of the control file, live events of the registry, and the findings.
select (select count(*) from control_row), (select count(*) from event where registry = {registry} and not tombstone),
       count(*) filter (finding = 'missing'), count(*) filter (finding = 'extra'), count(*) filter (finding = 'different'),
       count(*) filter (finding = 'moved'), count(*) filter (finding = 'newer'), count(*) filter (asked)
from control_finding;
