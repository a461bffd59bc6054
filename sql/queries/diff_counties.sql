-- Changes by county, kind and cause; doses gained and lost.
select county, change, cause, count(*), count(*) filter (b_dose and not a_dose), count(*) filter (a_dose and not b_dose)
from read_parquet({rows}) group by all order by all
