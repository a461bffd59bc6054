-- What the lake shows at one row of a segment.
select line, registry, vax_event_id, recip_id, tombstone, action
from read_parquet({files}, file_row_number = true)
where file_row_number = ?1;
