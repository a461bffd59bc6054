-- role: USERADMIN
-- One role a duty. The loader's goes to no other role: its tables have no
-- policy, since a row access policy would hide rows from UPDATE and DELETE too.
create role if not exists {loader};

create role if not exists {governor};

create role if not exists {reader};

grant role {governor} to role SYSADMIN;

grant role {loader} to user {user};
