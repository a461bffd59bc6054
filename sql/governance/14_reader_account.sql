-- role: ACCOUNTADMIN
-- For each county without an account of its own that the configuration names.
-- {password} is taken from the environment when it is sent, and never printed.
create managed account {account} admin_name = '{account_admin}', admin_password = '{password}', type = reader;
