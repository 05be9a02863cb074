-- SPDX-License-Identifier: Apache-2.0
-- What an operator sees of the outbox and of scans.

-- How many rows wait to be published, and since when the oldest: over all tenants, hence the definer's rights,
-- and nothing else of them.
create policy state_read on chassis.outbox for select to cairn_@service@_owner using (true);
create function chassis.outbox_state(out waiting bigint, out oldest timestamptz)
    language sql stable security definer set search_path = pg_catalog
as $$
    select count(*), (select created_at from chassis.outbox order by id limit 1) from chassis.outbox
$$;
revoke all on function chassis.outbox_state() from public;
grant execute on function chassis.outbox_state() to cairn_@service@_serve;

create index scan_unfinished_of_tenant on chassis.scan (tenant, epoch) where finished_at is null;
