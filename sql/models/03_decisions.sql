-- A steward's decisions. {decision} is the list of their files.
insert into decision
select d.entity, d.a, d.b, d.verdict, i.seq * 4294967296 + d.file_row_number
from read_parquet({decision}, file_row_number = true, filename = true) d join input_in i on i.path = d.filename;
