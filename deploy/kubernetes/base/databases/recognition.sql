-- SPDX-License-Identifier: Apache-2.0
-- The roles of the service's processes, made by a superuser in the service's own new database, whose owner
-- is there. The owner of the tables does not log in: migrate becomes it with SET ROLE.
alter role cairn_recognition_owner nologin nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_recognition_migrate login nosuperuser nocreatedb nocreaterole nobypassrls noreplication noinherit;
create role cairn_recognition_consume login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_recognition_serve login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_recognition_relay login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_recognition_schedule login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
grant cairn_recognition_owner to cairn_recognition_migrate with inherit false, set true;
revoke all on database cairn_recognition from public;
grant connect on database cairn_recognition to
  cairn_recognition_migrate, cairn_recognition_consume, cairn_recognition_serve, cairn_recognition_relay, cairn_recognition_schedule;
