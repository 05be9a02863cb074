-- SPDX-License-Identifier: Apache-2.0
-- Assessment: what has been received, the facts made of it, the policies, and what was last published.
-- Tenant is the first column of every key, and no row is visible but of the transaction's tenants (I9).

create schema assessment;
grant usage on schema assessment to cairn_assessment_consume, cairn_assessment_serve;

-- A data key for each learner, or for each source and month where the learner is unknown, wrapped by
-- the master key. Destroying the row makes everything sealed under it unreadable (I7).
create table assessment.data_key (
    tenant  text  collate "C" not null,
    subject text  collate "C" not null,
    wrapped bytea not null,
    primary key (tenant, subject)
);

-- What arrived, byte for byte, sealed with AES-256-GCM under the data key of its subject; tenant,
-- source and id are bound to it. The id of a stored result is its result id.
create table assessment.raw_payload (
    tenant      text  collate "C" not null,
    id          uuid  not null,
    source      text  not null,
    subject     text  not null,
    received_at timestamptz not null,
    sealed      bytea not null,
    primary key (tenant, id)
);

-- The identity of what a source has said, which lives as long as its results: the result id is a hash
-- of tenant, source and source event id, the digest one of the canonical content.
create table assessment.statement (
    tenant      text  collate "C" not null,
    result_id   uuid  not null,
    digest      bytea not null,
    recorded_at timestamptz not null,
    primary key (tenant, result_id)
);

-- Outcomes at the HTTP door; those of the Kafka door stand in chassis.fence (I3).
create table assessment.door_count (
    tenant    text collate "C" not null,
    source    text not null,
    day       date not null,
    stored    bigint not null,
    duplicate bigint not null,
    conflict  bigint not null,
    refused   bigint not null,
    primary key (tenant, source, day)
);

-- Accepted results, of which nothing is ever changed or deleted. The key serves both the learner's
-- results of some activities and, within one learner, a result by its id.
create table assessment.result (
    tenant       text collate "C" not null,
    learner      text collate "C" not null,
    activity     text collate "C" not null,
    result_id    uuid not null,
    attempt      int  not null,
    score_raw    numeric,
    score_min    numeric,
    score_max    numeric,
    outcome      text not null,
    finality     text not null,
    integrity    text not null,
    carried_over boolean not null,
    occurred_at  timestamptz not null,
    version      bigint,
    modified_at  timestamptz,
    primary key (tenant, learner, activity, result_id)
);

-- Accepted retractions; the result that one names may come later.
create table assessment.retraction (
    tenant    text collate "C" not null,
    learner   text collate "C" not null,
    retracts  uuid not null,
    result_id uuid not null,
    primary key (tenant, learner, retracts, result_id)
);

-- What was last published of each learner and competency.
create table assessment.attainment (
    tenant         text collate "C" not null,
    learner        text collate "C" not null,
    competency     text collate "C" not null,
    status         text not null,
    score          numeric,
    band           text,
    scheme         text,
    achieved_on    date,
    valid_until    date,
    policy         text not null,
    policy_version int  not null,
    policy_hash    text not null,
    revision       int  not null,
    event_id       uuid not null,
    epoch          bigint not null,
    primary key (tenant, learner, competency)
) with (fillfactor = 80);

-- Published policy versions, never changed. document is the canonical JSON that hash is taken of.
create table assessment.policy (
    tenant       text collate "C" not null,
    policy       text collate "C" not null,
    version      int  not null,
    competency   text not null,
    hash         text not null,
    document     text not null,
    epoch        bigint not null,
    published_at timestamptz not null default now(),
    primary key (tenant, policy, version)
);

-- The policy of a competency, of which there is one, and every activity that any version of it lists.
create table assessment.competency (
    tenant     text collate "C" not null,
    competency text collate "C" not null,
    policy     text not null,
    activities text[] collate "C" not null,
    primary key (tenant, competency)
);

-- Requests that published, so that a repeated call does nothing twice (AIP-155).
create table assessment.request (
    tenant     text  collate "C" not null,
    request_id text  not null,
    digest     bytea not null,
    made_at    timestamptz not null default now(),
    primary key (tenant, request_id)
);

do $$
declare
    name text;
begin
    foreach name in array array[
        'data_key', 'raw_payload', 'statement', 'door_count', 'result', 'retraction', 'attainment',
        'policy', 'competency', 'request'
    ] loop
        execute format('alter table assessment.%I enable row level security', name);
        execute format('alter table assessment.%I force row level security', name);
        execute format(
            'create policy tenant_isolation on assessment.%I'
            ' using (tenant = any ((select chassis.tenants())::text[]))'
            ' with check (tenant = any ((select chassis.tenants())::text[]))',
            name
        );
    end loop;
end
$$;

-- Intake runs at both doors: consume is the Kafka door, serve the HTTP door.
grant select, insert on assessment.data_key, assessment.raw_payload, assessment.statement
    to cairn_assessment_consume, cairn_assessment_serve;
grant select, insert, update on assessment.door_count to cairn_assessment_serve;
grant select, insert on assessment.result, assessment.retraction to cairn_assessment_consume;
grant select, insert, update on assessment.attainment to cairn_assessment_consume;
grant select on assessment.policy, assessment.competency to cairn_assessment_consume;
grant select, insert on assessment.policy, assessment.request to cairn_assessment_serve;
grant select, insert, update on assessment.competency to cairn_assessment_serve;

-- How many rows wait to be published, counted no further than a bound: over all tenants, hence the
-- definer's rights, and nothing but their number.
create policy backlog on chassis.outbox for select to cairn_assessment_owner using (true);
create function assessment.outbox_backlog(bound bigint) returns bigint
    language sql stable security definer set search_path = pg_catalog
    return (select count(*) from (select 1 from chassis.outbox limit bound) as waiting);
revoke all on function assessment.outbox_backlog(bigint) from public;
grant execute on function assessment.outbox_backlog(bigint) to cairn_assessment_serve;
