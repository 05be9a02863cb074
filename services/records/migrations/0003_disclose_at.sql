-- SPDX-License-Identifier: Apache-2.0
-- An answer that was written before is told only if it still is the record: what looks and what logs is
-- one statement. An older process goes on with records.disclose.

-- Commits disclosures and returns the ids of those that it committed. One with a sequence is left out
-- unless the learner's last entry, and the last that has a position, are exactly those named; 0 is none.
create function records.disclose_at(
    tenants text[], disclosure_ids uuid[], recipients text[], legal_bases text[], methods text[],
    learners text[], asked text[], told text[], sequences int[], positioned int[]
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
            sequences, positioned
        ) as wanted (
            tenant, disclosure_id, recipient, legal_basis, method, learner, asked, told,
            sequence, positioned
        )
        -- The orders decide between two indexes that begin with the tenant (chassis/database.py).
        where wanted.sequence is null or (
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
        )
    ), logged as (
        insert into records.disclosure
            (tenant, disclosure_id, recipient, legal_basis, method, learner, asked, told)
        select tenant, disclosure_id, recipient, legal_basis, method, learner, current.asked, current.told
        from current
    )
    select array_agg(disclosure_id) into kept from current;
    return coalesce(kept, '{}');
end
$$;
revoke all on function records.disclose_at(
    text[], uuid[], text[], text[], text[], text[], text[], text[], int[], int[]
) from public;
grant execute on function records.disclose_at(
    text[], uuid[], text[], text[], text[], text[], text[], text[], int[], int[]
) to cairn_records_serve;
