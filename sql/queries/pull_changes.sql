-- What each release that was pulled changed by, since the one pulled before it.
create view changes as
select parse_filename(filename, true) as release, * exclude filename
from read_parquet({changes}, filename = true, union_by_name = true);
