-- SPDX-License-Identifier: Apache-2.0
-- The roles of the service's processes, made by a superuser in the service's own new database, whose owner
-- is there. The owner of the tables does not log in: migrate becomes it with SET ROLE.
alter role cairn_assessment_owner nologin nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_assessment_migrate login nosuperuser nocreatedb nocreaterole nobypassrls noreplication noinherit;
create role cairn_assessment_consume login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_assessment_serve login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_assessment_relay login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
create role cairn_assessment_schedule login nosuperuser nocreatedb nocreaterole nobypassrls noreplication;
grant cairn_assessment_owner to cairn_assessment_migrate with inherit false, set true;
revoke all on database cairn_assessment from public;
grant connect on database cairn_assessment to
  cairn_assessment_migrate, cairn_assessment_consume, cairn_assessment_serve, cairn_assessment_relay, cairn_assessment_schedule;
