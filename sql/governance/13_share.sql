-- role: ACCOUNTADMIN
-- One share for all accounts outside: which rows an account sees is decided by
-- the mapping table, as for a user. Policies and the table they read lie in the
-- shared database (Snowflake, "Data sharing and row access policies").
create share if not exists DOSEBOOK_COUNTIES;

grant usage on database {database} to share DOSEBOOK_COUNTIES;

grant usage on schema {database}.PUBLISH to share DOSEBOOK_COUNTIES;

grant select on view {database}.PUBLISH.DOSE_EVENT to share DOSEBOOK_COUNTIES;

grant select on view {database}.PUBLISH.DOSE to share DOSEBOOK_COUNTIES;

grant select on view {database}.PUBLISH.RECIPIENT to share DOSEBOOK_COUNTIES;
