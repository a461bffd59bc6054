-- De-identified records of the whole state (45 CFR 164.514(b)(2)). The columns
-- are what package dose declares for the level; each event or person is taken
-- once, from the file of residence, and none that is locked (H&S 120440). The
-- order is by all columns: in the order of the files it would tell the county.
select {columns}
from read_parquet({files})
where visible_because <> 'administration' and protection is distinct from 'Y'
order by all
