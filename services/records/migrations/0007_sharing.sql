-- SPDX-License-Identifier: Apache-2.0
-- Sharing bases: on what right another institution is told what of whom. Granted and revoked, never changed.

create table records.sharing_basis (
    tenant     text collate "C" not null,
    basis      text collate "C" not null,
    partner    text collate "C" not null,
    purpose    text collate "C" not null,
    learner    text collate "C",
    views      text[] not null,
    starts_at  timestamptz not null,
    ends_at    timestamptz check (ends_at > starts_at),
    clause     text not null,
    notice     text not null,
    hash       text not null,
    document   text not null,
    granted_by text not null,
    granted_at timestamptz not null default clock_timestamp(),
    primary key (tenant, basis)
);
comment on column records.sharing_basis.learner is 'null: every learner of the institution';
comment on column records.sharing_basis.clause is 'as it stood in the table of rights at the time; the notice too';
create index sharing_basis_asked on records.sharing_basis
    (tenant, partner, purpose, learner, granted_at, basis);
create index sharing_basis_of_learner on records.sharing_basis (tenant, learner, basis);

create table records.sharing_revocation (
    tenant     text collate "C" not null,
    basis      text collate "C" not null,
    reason     text not null,
    revoked_by text not null,
    revoked_at timestamptz not null default clock_timestamp(),
    primary key (tenant, basis),
    foreign key (tenant, basis) references records.sharing_basis
);

create trigger append_only before update or delete or truncate on records.sharing_basis
    for each statement execute function records.refuse_change();
create trigger append_only before update or delete or truncate on records.sharing_revocation
    for each statement execute function records.refuse_change();
alter table records.sharing_basis enable row level security;
alter table records.sharing_basis force row level security;
alter table records.sharing_revocation enable row level security;
alter table records.sharing_revocation force row level security;
create policy tenant_only on records.sharing_basis to cairn_records_serve
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
create policy tenant_only on records.sharing_revocation to cairn_records_serve
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert on records.sharing_basis, records.sharing_revocation to cairn_records_serve;

-- For which purpose it was told, and under which basis: both empty where it is the institution's own record.
alter table records.disclosure
    add column purpose text,
    add column sharing_basis text collate "C";
-- The time of a transaction is that of its beginning, and it may have waited since: what is told and what ends
-- it have to stand in their order.
alter table records.disclosure alter column disclosed_at set default clock_timestamp();
alter table records.partner_version alter column published_at set default clock_timestamp();

-- The bases that are in force for a call: of those that name the learner the latest, then of those for all.
-- A few of each, since a process may meet one that only a newer one can read.
create function records.bases_in_force(
    of_tenant text, of_partner text, for_purpose text, of_view text, of_learner text
)
returns table (document text, notice text, of_all boolean)
language plpgsql as $$
begin
    perform set_config('cairn.tenants', of_tenant, true);
    return query (
        select known.document, known.notice, false from records.sharing_basis as known
        where known.tenant = of_tenant and known.partner = of_partner
            and known.purpose = for_purpose and known.learner = of_learner
            and of_view = any (known.views)
            and records.is_in_force(known)
        -- The orders decide between two indexes that begin with the tenant (chassis/database.py).
        order by known.tenant desc, known.partner desc, known.purpose desc, known.learner desc,
            known.granted_at desc, known.basis desc
        limit 5
    );
    return query (
        select known.document, known.notice, true from records.sharing_basis as known
        where known.tenant = of_tenant and known.partner = of_partner
            and known.purpose = for_purpose and known.learner is null
            and of_view = any (known.views)
            and records.is_in_force(known)
        order by known.tenant desc, known.partner desc, known.purpose desc, known.learner desc,
            known.granted_at desc, known.basis desc
        limit 5
    );
end
$$;

-- Not before its first day, not after its last one, and not revoked.
create function records.is_in_force(known records.sharing_basis)
returns boolean
language sql volatile as $$
    select known.starts_at <= clock_timestamp()
        and (known.ends_at is null or clock_timestamp() < known.ends_at)
        and not exists (
            select from records.sharing_revocation as ended
            where ended.tenant = known.tenant and ended.basis = known.basis
        )
$$;

-- Whoever takes from somebody the right to ask waits for those who are just being told.
create function records.lock_who_may_ask(of_tenant text)
returns void
language sql volatile as $$
    select pg_advisory_xact_lock(hashtextextended('records.who_may_ask/' || of_tenant, 0))
$$;

-- Commits disclosures and returns the ids of those that it committed. One with a sequence is left out
-- unless the learner's last entry, and the last that has a position, are exactly those named; 0 is none.
-- One to a partner is left out unless the version named is the newest, and one under a basis unless that
-- is in force; and while somebody is about to end a partner or a basis of the institution, each one to a
-- partner of it: nobody else waits for that. An older process goes on with records.disclose_to, which knows
-- no bases.
create function records.disclose_under(
    tenants text[], disclosure_ids uuid[], recipients text[], legal_bases text[], methods text[],
    learners text[], asked text[], told text[], sequences int[], positioned int[],
    partners text[], partner_versions int[], purposes text[], sharing_bases text[]
)
returns uuid[]
language plpgsql as $$
declare
    kept uuid[];
    settled text[];
begin
    perform set_config('cairn.tenants', array_to_string(tenants, ','), true);
    with partnered as materialized (
        select distinct tenant from unnest(tenants, partners) as wanted (tenant, partner)
        where partner is not null
    )
    select array_agg(tenant) into settled from partnered
    where pg_try_advisory_xact_lock_shared(hashtextextended('records.who_may_ask/' || tenant, 0));
    -- What was committed before that is seen by the statement that follows.
    with current as materialized (
        select * from unnest(
            tenants, disclosure_ids, recipients, legal_bases, methods, learners, asked, told,
            sequences, positioned, partners, partner_versions, purposes, sharing_bases
        ) as wanted (
            tenant, disclosure_id, recipient, legal_basis, method, learner, asked, told,
            sequence, positioned, partner, partner_version, purpose, sharing_basis
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
        and (wanted.partner is null or wanted.tenant = any (settled))
        and (wanted.partner is null or wanted.partner_version = (
            select known.version from records.partner_version as known
            where known.tenant = wanted.tenant and known.partner = wanted.partner
            order by known.tenant desc, known.partner desc, known.version desc
            limit 1
        ))
        and (wanted.sharing_basis is null or (
            select known.partner = wanted.partner and known.purpose = wanted.purpose
                and (known.learner is null or known.learner = wanted.learner)
                and records.is_in_force(known)
            from records.sharing_basis as known
            where known.tenant = wanted.tenant and known.basis = wanted.sharing_basis
            order by known.tenant desc, known.basis desc
            limit 1
        ))
    ), logged as (
        insert into records.disclosure (
            tenant, disclosure_id, recipient, legal_basis, method, learner, asked, told,
            partner, partner_version, purpose, sharing_basis
        )
        select tenant, disclosure_id, recipient, legal_basis, method, learner, current.asked, current.told,
            partner, partner_version, purpose, sharing_basis
        from current
    )
    select array_agg(disclosure_id) into kept from current;
    return coalesce(kept, '{}');
end
$$;

revoke all on function
    records.bases_in_force(text, text, text, text, text),
    records.is_in_force(records.sharing_basis),
    records.lock_who_may_ask(text),
    records.disclose_under(
        text[], uuid[], text[], text[], text[], text[], text[], text[], int[], int[], text[], int[],
        text[], text[]
    )
    from public;
grant execute on function
    records.bases_in_force(text, text, text, text, text),
    records.is_in_force(records.sharing_basis),
    records.lock_who_may_ask(text),
    records.disclose_under(
        text[], uuid[], text[], text[], text[], text[], text[], text[], int[], int[], text[], int[],
        text[], text[]
    )
    to cairn_records_serve;
