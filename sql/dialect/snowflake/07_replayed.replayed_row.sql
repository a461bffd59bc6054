-- As the model, whose joins to the nearest line are DuckDB's own.
insert into replayed_row
select r.place, 2 * (r.root_seq * 4294967296 + coalesce(o.row_no + 1, 0)) - 1, r.root_line
from (select n.place, n.root_seq, n.root_line
      from (select e.place, i.root_seq, p.root_line, p.until, e.line, row_number() over (partition by e.place order by p.line desc) as n
            from {events} e
            join replay_in i on i.path = e.filename
            join {replays} p on p.filename = i.replay and e.line >= p.line) n
      where n.n = 1 and n.line < n.until) r
left join (select k.place, w.row_no, row_number() over (partition by k.place order by w.line desc, w.row_no desc) as n
           from (select e.place, i.root_seq, p.root_line, row_number() over (partition by e.place order by p.line desc) as n
                 from {events} e
                 join replay_in i on i.path = e.filename
                 join {replays} p on p.filename = i.replay and e.line >= p.line) k
           join root_row w on w.root_seq = k.root_seq and w.line < k.root_line
           where k.n = 1) o on o.place = r.place and o.n = 1;
