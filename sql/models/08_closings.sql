-- What stewards said of rejects. {closing} is the list of their files.
insert into closing
select c.registry, c.segment, c.line, c.verdict, i.seq * 4294967296 + c.file_row_number
from read_parquet({closing}, file_row_number = true, filename = true) c join input_in i on i.path = c.filename;
