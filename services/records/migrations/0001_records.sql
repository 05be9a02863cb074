-- SPDX-License-Identifier: Apache-2.0
-- The ledger: entries that nobody can change, their positions, and the log of what was told to whom.

create schema records;
grant usage on schema records to
    cairn_records_consume, cairn_records_serve, cairn_records_schedule;

-- Refuses what would change the past, to every role, the owner included (I7).
create function records.refuse_change() returns trigger
    language plpgsql
as $$
begin
    raise exception '% is append-only', tg_table_schema || '.' || tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

-- canonical is the text that the hash covers, byte for byte. The three columns beside it are read
-- often or referred to, and say nothing that it does not.
create table records.entry (
    tenant        text  collate "C" not null,
    learner       text  collate "C" not null,
    sequence      int   not null check (sequence > 0),
    entry_id      uuid  not null,
    previous_hash bytea not null check (length(previous_hash) = 32),
    hash          bytea not null check (length(hash) = 32),
    canonical     text  not null,
    traceparent   text,
    primary key (tenant, learner, sequence),
    unique (tenant, entry_id)
);
create trigger append_only before update or delete or truncate on records.entry
    for each statement execute function records.refuse_change();
alter table records.entry enable row level security;
alter table records.entry force row level security;
create policy tenant_isolation on records.entry
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant insert on records.entry to cairn_records_consume;
grant select on records.entry to cairn_records_serve;

-- Where each learner's chain ends: what the next entry is built on.
create table records.chain_head (
    tenant   text  collate "C" not null,
    learner  text  collate "C" not null,
    sequence int   not null check (sequence > 0),
    hash     bytea not null check (length(hash) = 32),
    primary key (tenant, learner)
) with (fillfactor = 70);
alter table records.chain_head enable row level security;
alter table records.chain_head force row level security;
create policy tenant_isolation on records.chain_head
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert, update on records.chain_head to cairn_records_consume;

-- The newest decision taken in on each award, also where it made no entry.
create table records.award_head (
    tenant     text collate "C" not null,
    learner    text collate "C" not null,
    credential text collate "C" not null,
    revision   int  not null check (revision > 0),
    standing   text not null check (standing in ('absent', 'good', 'under_review')),
    primary key (tenant, learner, credential)
) with (fillfactor = 70);
alter table records.award_head enable row level security;
alter table records.award_head force row level security;
create policy tenant_isolation on records.award_head
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert, update on records.award_head to cairn_records_consume;

-- Entries without a position yet, across tenants in the order in which they were written; id is
-- drawn under the learner's lock, so that a learner's entries come in order of sequence.
create table records.unsequenced (
    id       bigint generated always as identity (cache 1) primary key,
    tenant   text collate "C" not null,
    learner  text collate "C" not null,
    sequence int  not null
);
alter table records.unsequenced enable row level security;
alter table records.unsequenced force row level security;
create policy tenant_insert on records.unsequenced for insert to cairn_records_consume
    with check (tenant = any ((select chassis.tenants())::text[]));
create policy schedule_all on records.unsequenced to cairn_records_schedule using (true);
grant insert on records.unsequenced to cairn_records_consume;
grant select, delete on records.unsequenced to cairn_records_schedule;

-- position - 1 is the leaf index of the tenant's tree to come. recorded_at never decreases with it.
create table records.position (
    tenant      text   collate "C" not null,
    position    bigint not null check (position > 0),
    learner     text   collate "C" not null,
    sequence    int    not null,
    recorded_at timestamptz not null,
    primary key (tenant, position),
    unique (tenant, learner, sequence)
);
create trigger append_only before update or delete or truncate on records.position
    for each statement execute function records.refuse_change();
alter table records.position enable row level security;
alter table records.position force row level security;
create policy tenant_isolation on records.position for select to cairn_records_serve
    using (tenant = any ((select chassis.tenants())::text[]));
create policy schedule_insert on records.position for insert to cairn_records_schedule with check (true);
grant select on records.position to cairn_records_serve;
grant insert on records.position to cairn_records_schedule;

-- How long each tenant's record is, and when it was last added to.
create table records.extent (
    tenant      text   collate "C" primary key,
    length      bigint not null check (length > 0),
    recorded_at timestamptz not null
) with (fillfactor = 50);
alter table records.extent enable row level security;
alter table records.extent force row level security;
create policy tenant_isolation on records.extent for select to cairn_records_serve
    using (tenant = any ((select chassis.tenants())::text[]));
create policy schedule_all on records.extent to cairn_records_schedule using (true) with check (true);
grant select on records.extent to cairn_records_serve;
grant select, insert, update on records.extent to cairn_records_schedule;

-- What was told to whom: committed before the answer leaves (I8).
create table records.disclosure (
    tenant        text collate "C" not null,
    disclosure_id uuid not null,
    disclosed_at  timestamptz not null default now(),
    recipient     text not null,
    legal_basis   text not null,
    method        text not null,
    learner       text collate "C",
    asked         text not null,
    told          text not null,
    primary key (tenant, disclosure_id)
);
create trigger append_only before update or delete or truncate on records.disclosure
    for each statement execute function records.refuse_change();
alter table records.disclosure enable row level security;
alter table records.disclosure force row level security;
create policy tenant_isolation on records.disclosure
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant insert on records.disclosure to cairn_records_serve;
