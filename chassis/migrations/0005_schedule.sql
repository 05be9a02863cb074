-- SPDX-License-Identifier: Apache-2.0
-- What the schedule job needs: timers are told to the consumer where no record comes, and after a
-- publication the learners that it can affect are scanned for.

-- setting tells one setting of a timer from the next: a timer that was taken back and is set again, even
-- to the same instant, is told again. told_at is when its re-evaluation was published.
alter table chassis.due
    add column setting bigint generated always as identity,
    add column told_at timestamptz;
drop index chassis.due_by_instant;
create index due_untold on chassis.due (at) where told_at is null;
create policy schedule_tell on chassis.due for update to cairn_@service@_schedule using (true);
grant update (told_at) on chassis.due to cairn_@service@_schedule;

-- The scan for the learners that a publication can affect. nodes are what it changed and what that
-- reaches; learner is the last one looked at, so that a scan that was broken off goes on behind it. as_of
-- is the instant of the publication, stamped by its command (I12). An operator may pause a scan.
create table chassis.scan (
    tenant      text   collate "C" not null,
    epoch       bigint not null,
    nodes       text[] collate "C" not null,
    as_of       timestamptz not null,
    learner     text   collate "C" not null default '',
    looked_at   bigint not null default 0,
    told        bigint not null default 0,
    paused      boolean not null default false,
    advanced_at timestamptz not null default now(),
    finished_at timestamptz,
    primary key (tenant, epoch)
);
create index scan_unfinished on chassis.scan (advanced_at) where finished_at is null and not paused;
alter table chassis.scan enable row level security;
alter table chassis.scan force row level security;
create policy tenant_isolation on chassis.scan
    to cairn_@service@_serve
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
create policy schedule_all on chassis.scan to cairn_@service@_schedule using (true);
grant select, insert on chassis.scan to cairn_@service@_serve;
grant update (paused) on chassis.scan to cairn_@service@_serve;
grant select on chassis.scan to cairn_@service@_schedule;
grant update (learner, looked_at, told, advanced_at, finished_at) on chassis.scan to cairn_@service@_schedule;

-- The job sees the learners of the tenants that its transaction names, and publishes for them alone (I9).
grant select (tenant, id) on chassis.learner to cairn_@service@_schedule;
create policy schedule_insert on chassis.outbox for insert to cairn_@service@_schedule
    with check (tenant = any ((select chassis.tenants())::text[]));
grant insert on chassis.outbox to cairn_@service@_schedule;
grant usage on sequence chassis.outbox_id to cairn_@service@_schedule;
