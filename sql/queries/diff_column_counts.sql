-- How often each column changed, by county. A row that moved counts where it
-- went to, unless only the county that it left is looked at.
select county, c, count(*)
from (select county, unnest(string_split(columns, ',')) as c from read_parquet({rows})
      where columns <> '' and (change <> 'removed' or {one}))
group by all order by all
