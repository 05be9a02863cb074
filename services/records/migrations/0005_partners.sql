-- SPDX-License-Identifier: Apache-2.0
-- Partners: who may ask for an institution's record, in versions that nobody can change.

create table records.partner_version (
    tenant       text collate "C" not null,
    partner      text collate "C" not null,
    version      int  not null check (version > 0),
    hash         text not null,
    document     text not null,
    published_at timestamptz not null default now(),
    primary key (tenant, partner, version)
);
create trigger append_only before update or delete or truncate on records.partner_version
    for each statement execute function records.refuse_change();
alter table records.partner_version enable row level security;
alter table records.partner_version force row level security;
create policy tenant_insert on records.partner_version for insert to cairn_records_serve
    with check (tenant = any ((select chassis.tenants())::text[]));
-- Of which institution somebody is a partner is known only once TLS has let them in. No learner is in here.
create policy serve_all on records.partner_version for select to cairn_records_serve using (true);
grant select, insert on records.partner_version to cairn_records_serve;

-- The partner to whom it was told, where it was one; what it could see is in that version's document.
alter table records.disclosure
    add column partner text collate "C",
    add column partner_version int;

-- Commits disclosures and returns the ids of those that it committed. One with a sequence is left out
-- unless the learner's last entry, and the last that has a position, are exactly those named; 0 is none.
-- One to a partner is left out unless the version named is the newest: an older process goes on with
-- records.disclose_at, which knows no partners.
create function records.disclose_to(
    tenants text[], disclosure_ids uuid[], recipients text[], legal_bases text[], methods text[],
    learners text[], asked text[], told text[], sequences int[], positioned int[],
    partners text[], partner_versions int[]
)
returns uuid[]
language plpgsql as $$
declare
    kept uuid[];
begin
    perform set_config('cairn.tenants', array_to_string(tenants, ','), true);
    with current as materialized (
        select * from unnest(
            tenants, disclosure_ids, recipients, legal_bases, methods, learners, asked, told,
            sequences, positioned, partners, partner_versions
        ) as wanted (
            tenant, disclosure_id, recipient, legal_basis, method, learner, asked, told,
            sequence, positioned, partner, partner_version
        )
        -- The orders decide between two indexes that begin with the tenant (chassis/database.py).
        where (wanted.sequence is null or (
            wanted.sequence = coalesce((
                select entry.sequence from records.entry
                where entry.tenant = wanted.tenant and entry.learner = wanted.learner
                order by entry.tenant desc, entry.learner desc, entry.sequence desc
                limit 1
            ), 0)
            and wanted.positioned = coalesce((
                select placed.sequence from records.position as placed
                where placed.tenant = wanted.tenant and placed.learner = wanted.learner
                order by placed.tenant desc, placed.learner desc, placed.sequence desc
                limit 1
            ), 0)
        ))
        and (wanted.partner is null or wanted.partner_version = (
            select known.version from records.partner_version as known
            where known.tenant = wanted.tenant and known.partner = wanted.partner
            order by known.tenant desc, known.partner desc, known.version desc
            limit 1
        ))
    ), logged as (
        insert into records.disclosure (
            tenant, disclosure_id, recipient, legal_basis, method, learner, asked, told,
            partner, partner_version
        )
        select tenant, disclosure_id, recipient, legal_basis, method, learner, current.asked, current.told,
            partner, partner_version
        from current
    )
    select array_agg(disclosure_id) into kept from current;
    return coalesce(kept, '{}');
end
$$;
revoke all on function records.disclose_to(
    text[], uuid[], text[], text[], text[], text[], text[], text[], int[], int[], text[], int[]
) from public;
grant execute on function records.disclose_to(
    text[], uuid[], text[], text[], text[], text[], text[], text[], int[], int[], text[], int[]
) to cairn_records_serve;
