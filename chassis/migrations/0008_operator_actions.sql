-- SPDX-License-Identifier: Apache-2.0
-- What operators did: one row for each act, which nobody can change or delete. The breaker kept only who
-- resumed its consumer last.

create table chassis.operator_action (
    id       bigint generated always as identity primary key,
    -- Null where it is about a consumer as a whole, and so about no institution's data.
    tenant   text collate "C",
    operator text not null,
    action   text not null,
    -- The name of what it was done to, as cairn.operations.v1 has it.
    subject  text not null,
    acted_at timestamptz not null default now()
);

insert into chassis.operator_action (tenant, operator, action, subject, acted_at)
select tenant, operator, action, subject, acted_at from (
    select null as tenant, resumed_by as operator, 'resume_consumer' as action,
        'consumers/' || consumer as subject, resumed_at as acted_at
    from chassis.breaker where resumed_at is not null
    union all
    select null, accepted_by, 'accept_loss', 'consumers/' || consumer || '/losses/' || id, accepted_at
    from chassis.loss where accepted_at is not null
    union all
    select tenant, asked_by, action || '_record',
        format('institutions/%s/consumers/%s/learners/%s/records/%s', tenant, consumer, learner, place),
        asked_at
    from chassis.replay where asked_by <> 'the consumer'
) as done
order by acted_at;
alter table chassis.breaker drop column resumed_by, drop column resumed_at;

alter table chassis.operator_action enable row level security;
alter table chassis.operator_action force row level security;
create policy tenant_isolation on chassis.operator_action
    to cairn_@service@_serve
    using (tenant is null or tenant = any ((select chassis.tenants())::text[]))
    with check (tenant is null or tenant = any ((select chassis.tenants())::text[]));
grant select, insert on chassis.operator_action to cairn_@service@_serve;
