-- role: ACCOUNTADMIN
-- Who takes the share is said whole, so that an account that is left out of the
-- configuration loses it.
alter share DOSEBOOK_COUNTIES set accounts = {accounts};
