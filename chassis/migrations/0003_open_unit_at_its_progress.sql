-- SPDX-License-Identifier: Apache-2.0
-- Steps 1 and 3 to 5 of a unit of work (design section 4) in one statement: as 0002 had it, with the
-- progress rows locked first. Where one of them does not stand where its owner left it, nothing else is
-- done, and the owner looks closer. Under READ COMMITTED each statement in here has its own snapshot,
-- so that what follows a lock sees what the lock has waited for.

drop function chassis.open_unit(text[], text[], text[], timestamptz, text[], date[], bytea[], bytea[]);

-- topics and partitions are sorted and without repeats, as are tenants and (learner_tenants, learners),
-- so that no two units ever wait for each other in a circle; epochs and stood answer place by place.
-- fresh are the identities that were entered now; where that is not all, the known_ columns are the
-- rows of all arrivals.
create function chassis.open_unit(
    of_consumer text, topics text[], partitions int[], progress bigint[],
    tenants text[],
    learner_tenants text[], learners text[], never timestamptz,
    arrived_tenants text[], arrived_days date[], arrived_identities bytea[], arrived_digests bytea[],
    out stands boolean,
    out epochs bigint[], out stood timestamptz[],
    out due_tenants text[], out due_learners text[],
    out due_ats timestamptz[], out due_kinds text[], out due_refs text[],
    out fresh bytea[],
    out known_tenants text[], out known_days date[], out known_identities bytea[], out known_digests bytea[]
)
language plpgsql as $$
begin
    -- 1. The progress rows are locked.
    select count(*) = cardinality(partitions) into stands
    from unnest(topics, partitions, progress) as wanted (topic, number, next_offset)
    cross join lateral (
        select next_offset from chassis.fence
        where fence.consumer = of_consumer and fence.topic = wanted.topic and fence.partition = wanted.number
        offset 0 for update
    ) as locked
    where locked.next_offset = wanted.next_offset;
    if not stands then
        return;
    end if;

    -- 3. The rule epochs are held still.
    perform pg_advisory_xact_lock_shared(hashtextextended('cairn.epoch/' || wanted.tenant, 0))
    from unnest(tenants) as wanted (tenant);
    select array_agg(coalesce(stored.epoch, 0) order by wanted.place) into epochs
    from unnest(tenants) with ordinality as wanted (tenant, place)
    left join chassis.rule_epoch as stored on stored.tenant = wanted.tenant;

    -- 4. The learners are locked. Usually all are known; where one is not, the rows are made first.
    for attempt in 1..2 loop
        select array_agg(locked.as_of order by wanted.place) into stood
        from unnest(learner_tenants, learners) with ordinality as wanted (tenant, id, place)
        cross join lateral (
            select as_of from chassis.learner
            where learner.tenant = wanted.tenant and learner.id = wanted.id
            for no key update
        ) as locked;
        exit when coalesce(cardinality(stood), 0) = cardinality(learners);
        insert into chassis.learner (tenant, id, as_of)
        select wanted.tenant, wanted.id, never
        from unnest(learner_tenants, learners) with ordinality as wanted (tenant, id, place)
        order by wanted.place
        on conflict do nothing;
    end loop;
    select array_agg(waiting.tenant), array_agg(waiting.learner),
        array_agg(waiting.at), array_agg(waiting.kind), array_agg(waiting.ref)
    into due_tenants, due_learners, due_ats, due_kinds, due_refs
    from unnest(learner_tenants, learners) as wanted (tenant, id)
    cross join lateral (
        select * from chassis.due where due.tenant = wanted.tenant and due.learner = wanted.id offset 0
    ) as waiting;

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
        select array_agg(arrived.tenant), array_agg(arrived.day),
            array_agg(arrived.identity), array_agg(stored.digest)
        into known_tenants, known_days, known_identities, known_digests
        from unnest(arrived_tenants, arrived_days, arrived_identities) as arrived (tenant, day, identity)
        cross join lateral (
            select digest from chassis.inbox
            where inbox.tenant = arrived.tenant and inbox.day = arrived.day
                and inbox.identity = arrived.identity
            offset 0
        ) as stored;
    end if;
end
$$;
revoke all on function chassis.open_unit(
    text, text[], int[], bigint[], text[], text[], text[], timestamptz, text[], date[], bytea[], bytea[]
) from public;
grant execute on function chassis.open_unit(
    text, text[], int[], bigint[], text[], text[], text[], timestamptz, text[], date[], bytea[], bytea[]
) to cairn_@service@_consume;
