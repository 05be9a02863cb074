-- SPDX-License-Identifier: Apache-2.0
-- The roles of the service's processes, made by a superuser in the service's own new database, whose owner
-- is there. The owner of the tables does not log in: migrate becomes it with SET ROLE.
alter role cairn_records_owner nologin nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_records_migrate login nosuperuser nocreatedb nocreaterole nobypassrls noreplication noinherit;
create role cairn_records_consume login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_records_serve login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_records_relay login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_records_schedule login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
grant cairn_records_owner to cairn_records_migrate with inherit false, set true;
revoke all on database cairn_records from public;
grant connect on database cairn_records to
  cairn_records_migrate, cairn_records_consume, cairn_records_serve, cairn_records_relay, cairn_records_schedule;
