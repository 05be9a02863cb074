-- SPDX-License-Identifier: Apache-2.0
-- Steps 3 to 5 of a unit of work (design section 4) in one statement: a small unit costs its round
-- trips and hardly anything else. Under READ COMMITTED each statement in here has its own snapshot,
-- so that what follows a lock sees what the lock has waited for.

-- tenants and (learner_tenants, learners) are sorted and without repeats, so that no two units ever
-- wait for each other in a circle; epochs and stood answer them place by place. fresh are the
-- identities that were entered now; where that is not all, the known_ columns are the rows of all arrivals.
create function chassis.open_unit(
    tenants text[],
    learner_tenants text[], learners text[], never timestamptz,
    arrived_tenants text[], arrived_days date[], arrived_identities bytea[], arrived_digests bytea[],
    out epochs bigint[], out stood timestamptz[],
    out due_tenants text[], out due_learners text[],
    out due_ats timestamptz[], out due_kinds text[], out due_refs text[],
    out fresh bytea[],
    out known_tenants text[], out known_days date[], out known_identities bytea[], out known_digests bytea[]
)
language plpgsql as $$
begin
    -- 3. The rule epochs are held still.
    perform pg_advisory_xact_lock_shared(hashtextextended('cairn.epoch/' || wanted.tenant, 0))
    from unnest(tenants) as wanted (tenant);
    select array_agg(coalesce(stored.epoch, 0) order by wanted.place) into epochs
    from unnest(tenants) with ordinality as wanted (tenant, place)
    left join chassis.rule_epoch as stored on stored.tenant = wanted.tenant;

    -- 4. The learners are locked. Usually all are known; where one is not, the rows are made first.
    for attempt in 1..2 loop
        select array_agg(locked.as_of order by locked.tenant, locked.id) into stood
        from (
            select learner.tenant, learner.id, learner.as_of
            from unnest(learner_tenants, learners) as wanted (tenant, id)
            join chassis.learner on learner.tenant = wanted.tenant and learner.id = wanted.id
            order by learner.tenant, learner.id
            for no key update of learner
        ) as locked;
        exit when coalesce(cardinality(stood), 0) = cardinality(learners);
        insert into chassis.learner (tenant, id, as_of)
        select wanted.tenant, wanted.id, never
        from unnest(learner_tenants, learners) with ordinality as wanted (tenant, id, place)
        order by wanted.place
        on conflict do nothing;
    end loop;
    select array_agg(due.tenant), array_agg(due.learner), array_agg(due.at), array_agg(due.kind), array_agg(due.ref)
    into due_tenants, due_learners, due_ats, due_kinds, due_refs
    from unnest(learner_tenants, learners) as wanted (tenant, id)
    join chassis.due on due.tenant = wanted.tenant and due.learner = wanted.id;

    -- 5. The arrivals are entered in the inbox, in the order given.
    with entered as (
        insert into chassis.inbox (tenant, day, identity, digest)
        select arrived.tenant, arrived.day, arrived.identity, arrived.digest
        from unnest(arrived_tenants, arrived_days, arrived_identities, arrived_digests)
            with ordinality as arrived (tenant, day, identity, digest, place)
        order by arrived.place
        on conflict do nothing
        returning inbox.identity
    )
    select array_agg(entered.identity) into fresh from entered;
    if coalesce(cardinality(fresh), 0) < cardinality(arrived_identities) then
        select array_agg(inbox.tenant), array_agg(inbox.day),
            array_agg(inbox.identity), array_agg(inbox.digest)
        into known_tenants, known_days, known_identities, known_digests
        from unnest(arrived_tenants, arrived_days, arrived_identities) as arrived (tenant, day, identity)
        join chassis.inbox
            on inbox.tenant = arrived.tenant and inbox.day = arrived.day and inbox.identity = arrived.identity;
    end if;
end
$$;
revoke all on function chassis.open_unit(
    text[], text[], text[], timestamptz, text[], date[], bytea[], bytea[]
) from public;
grant execute on function chassis.open_unit(
    text[], text[], text[], timestamptz, text[], date[], bytea[], bytea[]
) to cairn_@service@_consume;
