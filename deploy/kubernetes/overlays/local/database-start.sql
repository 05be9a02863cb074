-- SPDX-License-Identifier: Apache-2.0
-- What CloudNativePG does in production: an owner and its database, and in it what the service's file says.
create role cairn_assessment_owner nologin;
create database cairn_assessment owner cairn_assessment_owner;
\connect cairn_assessment
\i /databases/assessment.sql
create role cairn_recognition_owner nologin;
create database cairn_recognition owner cairn_recognition_owner;
\connect cairn_recognition
\i /databases/recognition.sql
create role cairn_records_owner nologin;
create database cairn_records owner cairn_records_owner;
\connect cairn_records
\i /databases/records.sql
