-- SPDX-License-Identifier: Apache-2.0
-- Recognition: the published rules, the latest facts of each learner, and the awards decided on them.
-- Tenant is the first column of every key, and no row is visible but of the transaction's tenants (I9).

create schema recognition;
grant usage on schema recognition to cairn_recognition_consume, cairn_recognition_serve;

-- Published rule versions, never changed. document is the canonical JSON that hash is taken of.
create table recognition.rule_version (
    tenant       text collate "C" not null,
    rule         text collate "C" not null,
    version      int  not null,
    credential   text not null,
    hash         text not null,
    document     text not null,
    epoch        bigint not null,
    published_at timestamptz not null default now(),
    primary key (tenant, rule, version)
);

-- Requests that published, so that a repeated call does nothing twice (AIP-155).
create table recognition.request (
    tenant     text  collate "C" not null,
    request_id text  not null,
    digest     bytea not null,
    made_at    timestamptz not null default now(),
    primary key (tenant, request_id)
);

-- The latest attainment event of each learner and competency; what has an older revision is past.
create table recognition.attainment (
    tenant      text collate "C" not null,
    learner     text collate "C" not null,
    competency  text collate "C" not null,
    status      text not null,
    score       numeric,
    achieved_on date,
    event_id    text not null,
    revision    int  not null,
    primary key (tenant, learner, competency)
) with (fillfactor = 80);

-- Awards, with their last decision and their last determination. rule, answer, epoch and holding are
-- of the determination; holding is versioned JSON: the credit that the award gives and the credit of
-- others that is allotted to it. effective_on is the day from which the award counts.
create table recognition.award (
    tenant       text collate "C" not null,
    learner      text collate "C" not null,
    credential   text collate "C" not null,
    state        text not null,
    answer       text not null,
    revision     int  not null,
    decision_id  uuid not null,
    rule         text not null,
    rule_version int  not null,
    rule_hash    text not null,
    epoch        bigint not null,
    holding      text not null,
    effective_on date not null,
    primary key (tenant, learner, credential)
) with (fillfactor = 80);

do $$
declare
    name text;
begin
    foreach name in array array['rule_version', 'request', 'attainment', 'award'] loop
        execute format('alter table recognition.%I enable row level security', name);
        execute format('alter table recognition.%I force row level security', name);
        execute format(
            'create policy tenant_isolation on recognition.%I'
            ' using (tenant = any ((select chassis.tenants())::text[]))'
            ' with check (tenant = any ((select chassis.tenants())::text[]))',
            name
        );
    end loop;
end
$$;

grant select on recognition.rule_version to cairn_recognition_consume;
grant select, insert on recognition.rule_version, recognition.request to cairn_recognition_serve;
grant select, insert, update on recognition.attainment, recognition.award to cairn_recognition_consume;
