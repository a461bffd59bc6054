-- The findings on one row of a segment.
select code, severity, coalesce(field, '') from read_parquet({files}) where row_no = ?1 order by field, code;
