-- role: ACCOUNTADMIN
-- Only this role makes resource monitors (Snowflake, "Resource monitors").
create warehouse if not exists {load_warehouse} with warehouse_size = XSMALL auto_suspend = 60 auto_resume = true initially_suspended = true;

create warehouse if not exists {read_warehouse} with warehouse_size = XSMALL auto_suspend = 60 auto_resume = true initially_suspended = true;

create resource monitor if not exists DOSEBOOK_LOAD_CREDITS with credit_quota = {load_credits} frequency = monthly start_timestamp = immediately triggers on 75 percent do notify on 100 percent do notify;

alter resource monitor DOSEBOOK_LOAD_CREDITS set credit_quota = {load_credits};

-- Readers are stopped at their quota; a load is not, since it would leave the
-- store behind the ledger: somebody is told.
create resource monitor if not exists DOSEBOOK_READ_CREDITS with credit_quota = {read_credits} frequency = monthly start_timestamp = immediately triggers on 75 percent do notify on 100 percent do suspend on 110 percent do suspend_immediate;

alter resource monitor DOSEBOOK_READ_CREDITS set credit_quota = {read_credits};

alter warehouse {load_warehouse} set resource_monitor = DOSEBOOK_LOAD_CREDITS;

alter warehouse {read_warehouse} set resource_monitor = DOSEBOOK_READ_CREDITS statement_timeout_in_seconds = 3600;

-- The history of queries, from which the cost of loads is taken (08_use.sql).
grant database role SNOWFLAKE.GOVERNANCE_VIEWER to role {governor};
