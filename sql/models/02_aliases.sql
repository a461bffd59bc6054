-- Ids that moved. {crosswalk} is the list of their files; input_in has one row
-- for each file that holds no records.
insert into alias
select c.entity, c.old_registry, c.old_id, c.old_key, c.new_registry, c.new_id, c.new_key, i.seq * 4294967296 + c.file_row_number
from read_parquet({crosswalk}, file_row_number = true, filename = true) c join input_in i on i.path = c.filename;
