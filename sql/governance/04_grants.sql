-- role: SECURITYADMIN
-- The loader: its own schema, and the mapping table, which it keeps in step.
grant usage on warehouse {load_warehouse} to role {loader};

grant usage on database {database} to role {loader};

grant usage, create table, create stage on schema {database}.{core} to role {loader};

grant usage on schema {database}.GOVERN to role {loader};

-- The governor: makes policies and views, and reads what they stand on.
grant usage on database {database} to role {governor};

grant usage on warehouse {load_warehouse} to role {governor};

grant usage, create view on schema {database}.{core} to role {governor};

grant usage, create table, create view, create row access policy, create masking policy, create task on schema {database}.GOVERN to role {governor};

grant create alert on schema {database}.GOVERN to role {governor};

grant usage, create view, create stage, create task on schema {database}.PUBLISH to role {governor};

grant select on all tables in schema {database}.{core} to role {governor};

grant select on future tables in schema {database}.{core} to role {governor};

-- Tables in CORE are made by the loader's first load: whoever governs reads
-- them, and nobody else.
grant execute task, execute alert on account to role {governor};

-- Readers: published views, which are filtered and masked for who asks.
grant usage on database {database} to database role {database}.READER;

grant usage on schema {database}.PUBLISH to database role {database}.READER;

grant select on future views in schema {database}.PUBLISH to database role {database}.READER;

grant database role {database}.READER to role {reader};

grant usage on warehouse {read_warehouse} to role {reader};
