-- SPDX-License-Identifier: Apache-2.0
-- What answers to a partner are made of, each in one round trip: the tenant that the transaction may
-- see is set, and then read or written of. Row-level security holds as everywhere (I9).

create function records.entries_of(of_tenant text, of_learner text)
returns table (
    canonical text, previous_hash bytea, hash bytea, "position" bigint, recorded_at timestamptz
)
language plpgsql
as $$
begin
    perform set_config('cairn.tenants', of_tenant, true);
    return query
        select entry.canonical, entry.previous_hash, entry.hash, placed.position, placed.recorded_at
        from records.entry
        left join lateral (
            select stored.sequence, stored.position, stored.recorded_at from records.position as stored
            where stored.tenant = of_tenant and stored.learner = of_learner
                and stored.sequence >= entry.sequence
            order by stored.tenant, stored.learner, stored.sequence
            limit 1
        ) as placed on placed.sequence = entry.sequence
        where entry.tenant = of_tenant and entry.learner = of_learner
        -- The orders decide between two indexes that begin with the tenant (chassis/database.py).
        order by entry.tenant, entry.learner, entry.sequence;
end
$$;
revoke all on function records.entries_of(text, text) from public;
grant execute on function records.entries_of(text, text) to cairn_records_serve;

create function records.disclose(
    tenants text[], disclosure_ids uuid[], recipients text[], legal_bases text[], methods text[],
    learners text[], asked text[], told text[]
)
returns void
language plpgsql as $$
begin
    perform set_config('cairn.tenants', array_to_string(tenants, ','), true);
    insert into records.disclosure
        (tenant, disclosure_id, recipient, legal_basis, method, learner, asked, told)
    select * from unnest(tenants, disclosure_ids, recipients, legal_bases, methods, learners, asked, told);
end
$$;
revoke all on function records.disclose(text[], uuid[], text[], text[], text[], text[], text[], text[])
    from public;
grant execute on function records.disclose(text[], uuid[], text[], text[], text[], text[], text[], text[])
    to cairn_records_serve;
