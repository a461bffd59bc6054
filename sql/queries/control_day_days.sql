-- The days that differ, in rows or in content alone.
select county, admin_date, theirs, ours, 0, 0, 0, differs from control_day order by county < 2, county, admin_date;
