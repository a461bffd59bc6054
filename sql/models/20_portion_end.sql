drop table if exists contested;
drop table if exists contest;
drop table if exists judged;
drop table if exists outcome;
drop table if exists undone;
drop table if exists gone;
drop table if exists absent;
drop table if exists arrived;
