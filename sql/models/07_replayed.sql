-- Rows of replays that arrive now ({events}), by what they replay ({replays}),
-- among the rows of the segments that refused them first ({roots}).
create or replace temp table replay_in (registry varchar, seq bigint, path varchar, replay varchar, root_seq bigint, root_path varchar, whole boolean);
insert into replay_in values {rows};

insert into whole_replay select seq from replay_in where whole;

insert into replayed_reject
select i.registry, p.segment, p.origin_line
from read_parquet({replays}, filename = true) p join replay_in i on i.replay = p.filename;

create or replace temp table root_row as
select i.root_seq, e.line, e.file_row_number as row_no
from read_parquet({roots}, file_row_number = true, filename = true) e
join (select distinct root_seq, root_path from replay_in) i on i.root_path = e.filename;

insert into replayed_row
select r.place, 2 * (r.root_seq * 4294967296 + coalesce(o.row_no + 1, 0)) - 1, r.root_line
from (select i.seq * 4294967296 + e.file_row_number as place, i.root_seq, p.root_line
      from read_parquet({events}, file_row_number = true, filename = true) e
      join replay_in i on i.path = e.filename
      asof join (select line, until, root_line, filename as replay from read_parquet({replays}, filename = true)) p
        on p.replay = i.replay and e.line >= p.line
      where e.line < p.until) r
asof left join root_row o on o.root_seq = r.root_seq and o.line < r.root_line;

drop table root_row;
