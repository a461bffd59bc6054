-- role: SYSADMIN
-- In a schema with managed access only its owner grants, never who made a table.
create schema if not exists {database}.{core} with managed access;

create schema if not exists {database}.PUBLISH with managed access;

create database role if not exists {database}.READER;
