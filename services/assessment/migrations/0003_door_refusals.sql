-- SPDX-License-Identifier: Apache-2.0
-- What was refused at the HTTP door, by reason; door_count has their sum. A reason holds nothing of what it
-- refuses, so there are few of them.

create table assessment.door_refusal (
    tenant  text collate "C" not null,
    source  text not null,
    day     date not null,
    reason  text not null,
    refused bigint not null,
    primary key (tenant, source, day, reason)
);
alter table assessment.door_refusal enable row level security;
alter table assessment.door_refusal force row level security;
create policy tenant_isolation on assessment.door_refusal
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert, update on assessment.door_refusal to cairn_assessment_serve;
