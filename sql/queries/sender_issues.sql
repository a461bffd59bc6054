-- Issues on rows that loaded, by sender. {issues}: the issue files, {segments}
-- as in sender_report.sql; the event file stands beside its issue file.
with of as (select * from (values {segments}) s(path, segment, day))
select l.sender, i.code, count(*) as n
from (select *, replace(filename, 'issue.parquet', 'event.parquet') as path from read_parquet({issues}, filename = true) where line > 0) i
join of o on o.path = i.path
join lake l on l.path = i.path and l.row_no = i.row_no
where o.day between {from} and {to}
group by all
order by all
