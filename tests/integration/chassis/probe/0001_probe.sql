-- SPDX-License-Identifier: Apache-2.0
create schema probe;
grant usage on schema probe to cairn_probe_consume, cairn_probe_serve;

create table probe.tally (
    tenant   text collate "C" not null,
    learner  text collate "C" not null,
    results  int  not null,
    history  text not null,
    primary key (tenant, learner)
);
alter table probe.tally enable row level security;
alter table probe.tally force row level security;
create policy tenant_isolation on probe.tally
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert, update on probe.tally to cairn_probe_consume;
-- What the database itself refuses: a history longer than any test but one makes it.
alter table probe.tally add constraint short_history check (length(history) < 2000);
