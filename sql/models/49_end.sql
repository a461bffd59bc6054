drop table if exists scope;
drop table if exists due_person;
drop table if exists moved;
drop table if exists lost;
