-- The names of the columns that differ, for the rows that both files have.
-- {n} and {i} cut large places into slices that fit into memory.
with k as materialized (
  select a_row, b_row from read_parquet({rows}) where change = 'changed' and a_row % {n} = {i}
), a as (
  select * from read_parquet({a}, file_row_number = true) where file_row_number in (select a_row from k)
), b as (
  select * from read_parquet({b}, file_row_number = true) where file_row_number in (select b_row from k)
)
select k.a_row, concat_ws(',', {changes}) as columns
from k join a on a.file_row_number = k.a_row join b on b.file_row_number = k.b_row
