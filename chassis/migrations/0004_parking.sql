-- SPDX-License-Identifier: Apache-2.0
-- Parking (design section 4): a record that cannot be folded holds its learner at its consumer, and what
-- comes of that learner later waits behind it, in order, until the first is replayed or discarded. The
-- breaker counts what is dead-lettered as a bug; once it is open nothing more is consumed.

-- Drawn under the learner's lock, so that for one learner the order of places is the order of arrival.
create sequence chassis.parked_place as bigint cache 1;
create table chassis.parked (
    tenant    text   collate "C" not null,
    consumer  text   collate "C" not null,
    learner   text   collate "C" not null,
    place     bigint not null default nextval('chassis.parked_place'),
    topic     text   not null,
    partition int    not null,
    "offset"  bigint not null,
    key       bytea,
    headers   text   not null,
    value     bytea,
    sent_at   bigint not null,
    outcome   text   not null check (outcome in ('parked', 'dead_lettered')),
    reason    text   not null,
    field     text   not null,
    -- What an event that states a change is about, where that is known and the reason is a gap.
    subject   text,
    revision  int,
    -- Whether the inbox has the record already: only one that could be decoded was entered.
    entered   boolean not null,
    since     timestamptz not null default now(),
    primary key (tenant, consumer, learner, place)
);
alter sequence chassis.parked_place owned by chassis.parked.place;
alter table chassis.parked enable row level security;
alter table chassis.parked force row level security;
create policy tenant_isolation on chassis.parked
    to cairn_@service@_consume, cairn_@service@_serve
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert, update, delete on chassis.parked to cairn_@service@_consume;
grant usage on sequence chassis.parked_place to cairn_@service@_consume;
grant select on chassis.parked to cairn_@service@_serve;

-- Where among its consumer's records each of the last bugs stood; open while open_since is set.
create table chassis.breaker (
    consumer   text primary key collate "C",
    bugs       bigint[] not null default '{}',
    open_since timestamptz,
    resumed_by text,
    resumed_at timestamptz
);
grant select, insert, update on chassis.breaker to cairn_@service@_consume;
grant select, update on chassis.breaker to cairn_@service@_serve;

-- What an operator has asked for about a learner's first waiting record, or the consumer itself once what
-- was missing has come. Who asked stays on record.
create table chassis.replay (
    tenant    text   collate "C" not null,
    id        uuid   not null,
    consumer  text   collate "C" not null,
    learner   text   collate "C" not null,
    -- The record that is meant: by the time the request is carried out it may be gone.
    place     bigint not null,
    action    text   not null check (action in ('replay', 'discard')),
    asked_by  text   not null,
    asked_at  timestamptz not null default now(),
    done_at   timestamptz,
    -- What became of the record, and how many behind it were folded with it.
    outcome   text,
    followed  int,
    primary key (tenant, id)
);
create index replay_waiting on chassis.replay (consumer, asked_at, id) where done_at is null;
alter table chassis.replay enable row level security;
alter table chassis.replay force row level security;
create policy tenant_isolation on chassis.replay
    to cairn_@service@_consume, cairn_@service@_serve
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
grant select, insert, update on chassis.replay to cairn_@service@_consume;
grant select, insert on chassis.replay to cairn_@service@_serve;

-- Names the request that has waited longest: of which tenant it is, a consumer does not know before.
create function chassis.next_replay(of_consumer text, out tenant text, out id uuid)
    language sql stable security definer set search_path = pg_catalog
as $$
    select tenant, id from chassis.replay
    where consumer = of_consumer and done_at is null
    order by consumer, asked_at, id
    limit 1
$$;
-- With the owner's rights, which are under the same policies.
create policy next_read on chassis.replay for select to cairn_@service@_owner using (true);
revoke all on function chassis.next_replay(text) from public;
grant execute on function chassis.next_replay(text) to cairn_@service@_consume;

-- Steps 1 and 3 to 5 of a unit of work, as 0003 had them, with two answers more: whether the consumer's
-- breaker is open, in which case nothing is done, and whether any record of the learners waits.

drop function chassis.open_unit(
    text, text[], int[], bigint[], text[], text[], text[], timestamptz, text[], date[], bytea[], bytea[]
);

create function chassis.open_unit(
    of_consumer text, topics text[], partitions int[], progress bigint[],
    tenants text[],
    learner_tenants text[], learners text[], never timestamptz,
    arrived_tenants text[], arrived_days date[], arrived_identities bytea[], arrived_digests bytea[],
    out halted boolean, out stands boolean, out held boolean,
    out epochs bigint[], out stood timestamptz[],
    out due_tenants text[], out due_learners text[],
    out due_ats timestamptz[], out due_kinds text[], out due_refs text[],
    out fresh bytea[],
    out known_tenants text[], out known_days date[], out known_identities bytea[], out known_digests bytea[]
)
language plpgsql as $$
begin
    halted := exists (select from chassis.breaker where consumer = of_consumer and open_since is not null);
    if halted then
        return;
    end if;

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

    -- Hardly ever does any record wait, and then one look for each tenant says so.
    held := exists (
        select from unnest(tenants) as wanted (tenant)
        cross join lateral (
            select from chassis.parked
            where parked.tenant = wanted.tenant and parked.consumer = of_consumer limit 1
        ) as any_waiting
    ) and exists (
        select from unnest(learner_tenants, learners) as wanted (tenant, id)
        cross join lateral (
            select from chassis.parked
            where parked.tenant = wanted.tenant and parked.consumer = of_consumer
                and parked.learner = wanted.id
            limit 1
        ) as waiting
    );

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
