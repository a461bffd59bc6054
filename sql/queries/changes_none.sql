-- No compared rows, in the shape of changes_columns.sql.
select cast(null as bigint) as a_row, cast(null as varchar) as columns where false
