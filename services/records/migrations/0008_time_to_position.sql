-- SPDX-License-Identifier: Apache-2.0
-- How long entries wait for their positions, and how many do: over all tenants, hence the definer's rights,
-- and nothing else of them.

alter table records.unsequenced add column written_at timestamptz not null default clock_timestamp();

create policy standing_read on records.unsequenced for select to cairn_@service@_owner using (true);
create function records.unpositioned() returns bigint
    language sql stable security definer set search_path = pg_catalog
as $$
    select count(*) from records.unsequenced
$$;
revoke all on function records.unpositioned() from public;
grant execute on function records.unpositioned() to cairn_records_serve;
