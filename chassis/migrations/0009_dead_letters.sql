-- SPDX-License-Identifier: Apache-2.0
-- Dead letters behind which nothing waits: of nobody's records, of a second content of one id, and of what
-- intake refuses. What they hold lies in the dead-letter topic; here stands what an operator looks for them by.

create table chassis.dead_letter (
    tenant       text   collate "C" not null,
    id           bigint generated always as identity,
    consumer     text   collate "C" not null,
    -- Empty where the record does not say whose it is.
    learner      text   collate "C" not null,
    topic        text   not null,
    partition    int    not null,
    "offset"     bigint not null,
    reason       text   not null,
    field        text   not null,
    -- Under which id intake keeps the sealed bytes, if it does; empty otherwise.
    payload      text   not null,
    put_aside_at timestamptz not null default now(),
    -- Since when an operator has no more to do with it.
    discarded_at timestamptz,
    primary key (tenant, id)
);
create index dead_letter_standing on chassis.dead_letter (tenant, id) where discarded_at is null;
alter table chassis.dead_letter enable row level security;
alter table chassis.dead_letter force row level security;
create policy tenant_isolation on chassis.dead_letter
    to cairn_@service@_consume, cairn_@service@_serve
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant insert on chassis.dead_letter to cairn_@service@_consume;
grant select on chassis.dead_letter to cairn_@service@_serve;
grant update (discarded_at) on chassis.dead_letter to cairn_@service@_serve;
