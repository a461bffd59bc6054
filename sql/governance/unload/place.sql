-- One place's events, as large Parquet files, then to this machine, then away.
-- Whose session runs it must have a grant for the place: the views filter.
copy into @{database}.PUBLISH.EXTRACTS/{place}/
from (select * from {database}.PUBLISH.DOSE_EVENT where county = '{place}' or lhj = '{place}' or admin_county = '{place}')
file_format = (type = parquet compression = snappy)
header = true
max_file_size = 268435456
overwrite = true
detailed_output = true;

get @{database}.PUBLISH.EXTRACTS/{place}/ 'file://{folder}/' parallel = 8;

remove @{database}.PUBLISH.EXTRACTS/{place}/;
