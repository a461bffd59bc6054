-- role: SECURITYADMIN
-- From where the loader may sign in. It is set on the loader alone: a mistake
-- in it locks out nobody else.
create network policy if not exists DOSEBOOK_LOADER_NETWORK allowed_ip_list = ({network});

alter network policy DOSEBOOK_LOADER_NETWORK set allowed_ip_list = ({network});

alter user {user} set network_policy = DOSEBOOK_LOADER_NETWORK;
