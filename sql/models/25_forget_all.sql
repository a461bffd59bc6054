-- Everyone is derived anew.
delete from derived;
delete from dose_pair;
