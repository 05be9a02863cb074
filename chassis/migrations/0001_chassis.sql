-- SPDX-License-Identifier: Apache-2.0
-- What every service has: progress, inbox, outbox, learner locks, timers, leases, rule epochs.
-- @service@ stands for the service's name; roles are made by whoever provisions the database.

create schema chassis;
grant usage on schema chassis to
    cairn_@service@_consume, cairn_@service@_serve, cairn_@service@_relay, cairn_@service@_schedule;

-- The tenants that this transaction may see. An unset setting reads as no tenant at all.
create function chassis.tenants() returns text[]
    language sql stable parallel safe
    return string_to_array(coalesce(current_setting('cairn.tenants', true), ''), ',');

-- Progress of a consumer in a partition: the truth, of which Kafka's committed offset is advice.
create table chassis.fence (
    consumer       text   not null,
    topic          text   not null,
    partition      int    not null,
    next_offset    bigint not null check (next_offset >= 0),
    applied        bigint not null default 0,
    duplicate      bigint not null default 0,
    ignored        bigint not null default 0,
    parked         bigint not null default 0,
    dead_lettered  bigint not null default 0,
    primary key (consumer, topic, partition)
) with (fillfactor = 50);
grant select, insert, update on chassis.fence to cairn_@service@_consume;
grant select on chassis.fence to cairn_@service@_serve;

create table chassis.rule_epoch (
    tenant text   collate "C" primary key,
    epoch  bigint not null
);
alter table chassis.rule_epoch enable row level security;
alter table chassis.rule_epoch force row level security;
create policy tenant_isolation on chassis.rule_epoch
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select on chassis.rule_epoch to cairn_@service@_consume, cairn_@service@_serve;
grant insert, update on chassis.rule_epoch to cairn_@service@_serve;

-- One row a learner, locked by every writer of that learner. as_of never goes back (I12).
create table chassis.learner (
    tenant text collate "C" not null,
    id     text collate "C" not null,
    as_of  timestamptz not null,
    primary key (tenant, id)
) with (fillfactor = 70);
alter table chassis.learner enable row level security;
alter table chassis.learner force row level security;
create policy tenant_isolation on chassis.learner
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert, update on chassis.learner to cairn_@service@_consume, cairn_@service@_serve;

-- What has been consumed. identity is a 16-byte hash of (consumer, source, event id); day is the
-- day of the event's as_of, so that a redelivery always meets the partition of the first delivery.
create table chassis.inbox (
    tenant   text  collate "C" not null,
    day      date  not null,
    identity bytea not null,
    digest   bytea not null,
    outcome  smallint not null default 1,
    primary key (tenant, day, identity)
) partition by range (day);
alter table chassis.inbox enable row level security;
alter table chassis.inbox force row level security;
create policy tenant_isolation on chassis.inbox
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert, update on chassis.inbox to cairn_@service@_consume;

-- Opens the inbox for one day. A consumer may open a day and nothing else, hence the definer's rights.
create function chassis.open_inbox_day(day date) returns void
    language plpgsql security definer set search_path = pg_catalog
as $$
declare
    name text := 'inbox_' || to_char(day, 'YYYYMMDD');
begin
    if to_regclass('chassis.' || name) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('chassis.open_inbox_day', 0));
    execute format(
        'create table if not exists chassis.%I partition of chassis.inbox for values from (%L) to (%L)',
        name, day, day + 1
    );
end
$$;
revoke all on function chassis.open_inbox_day(date) from public;
grant execute on function chassis.open_inbox_day(date) to cairn_@service@_consume;

-- What is still to be published. Read across tenants by the relay alone, in id order, hence the
-- one key of tenant data here that does not begin with the tenant. headers is a JSON list of
-- [name, value], each byte of a value written as the character of that number.
create sequence chassis.outbox_id as bigint cache 1;
create table chassis.outbox (
    id         bigint primary key default nextval('chassis.outbox_id'),
    tenant     text   collate "C" not null,
    topic      text   not null,
    partition  int    not null,
    key        bytea,
    headers    text   not null,
    value      bytea,
    created_at timestamptz not null default now()
);
alter sequence chassis.outbox_id owned by chassis.outbox.id;
alter table chassis.outbox enable row level security;
alter table chassis.outbox force row level security;
create policy tenant_insert on chassis.outbox for insert
    to cairn_@service@_consume, cairn_@service@_serve
    with check (tenant = any ((select chassis.tenants())::text[]));
create policy relay_all on chassis.outbox
    to cairn_@service@_relay using (true);
grant insert on chassis.outbox to cairn_@service@_consume, cairn_@service@_serve;
grant usage on sequence chassis.outbox_id to cairn_@service@_consume, cairn_@service@_serve;
grant select, delete on chassis.outbox to cairn_@service@_relay;

-- Timers: what happens to a learner at an instant, unless a record brings that instant first.
create table chassis.due (
    tenant  text collate "C" not null,
    learner text collate "C" not null,
    at      timestamptz not null,
    kind    text not null,
    ref     text not null,
    primary key (tenant, learner, at, kind, ref)
);
create index due_by_instant on chassis.due (at);
alter table chassis.due enable row level security;
alter table chassis.due force row level security;
create policy tenant_isolation on chassis.due
    to cairn_@service@_consume, cairn_@service@_serve
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
create policy schedule_read on chassis.due for select to cairn_@service@_schedule using (true);
grant select, insert, delete on chassis.due to cairn_@service@_consume, cairn_@service@_serve;
grant select on chassis.due to cairn_@service@_schedule;

-- Who may do a job of which there must be one at a time; the term fences a holder that slept.
create table chassis.lease (
    name       text primary key,
    holder     text not null,
    term       bigint not null,
    expires_at timestamptz not null
);
grant select, insert, update on chassis.lease to cairn_@service@_relay, cairn_@service@_schedule;
