-- SPDX-License-Identifier: Apache-2.0
-- Progress belongs to one log: the id of the topic is kept with it, so that a topic of the same name that
-- was made later is noticed. What a consumer finds missing is written down, and it takes nothing of the
-- topic until an operator has accepted that very loss.

-- Null until the partition is claimed for the first time after this.
alter table chassis.fence add column topic_id uuid;

create table chassis.loss (
    id          bigint generated always as identity primary key,
    consumer    text   collate "C" not null,
    topic       text   collate "C" not null,
    stored_id   uuid,
    found_id    uuid,
    -- Lost are the records from next_offset to below log_start; all three are null where the whole topic
    -- was made again.
    partition   int,
    next_offset bigint,
    log_start   bigint check (log_start > next_offset),
    noticed_at  timestamptz not null default now(),
    accepted_by text,
    accepted_at timestamptz,
    check (num_nulls(partition, next_offset, log_start) in (0, 3))
);
create unique index loss_not_accepted
    on chassis.loss (consumer, topic, stored_id, found_id, partition, next_offset, log_start)
    nulls not distinct where accepted_at is null;
grant select, insert on chassis.loss to cairn_@service@_consume;
grant select on chassis.loss to cairn_@service@_serve;

-- Whether a loss is what the progress shows still.
create function chassis.stands(meant chassis.loss) returns boolean
    language sql stable
    return exists (
        select from chassis.fence
        where fence.consumer = meant.consumer and fence.topic = meant.topic
            and case when meant.partition is null then fence.topic_id = meant.stored_id
                else fence.partition = meant.partition and fence.next_offset = meant.next_offset
                    and fence.topic_id is not distinct from meant.found_id end
    );

-- Accepts one loss, and says whether it stood: of a topic that was made again the progress begins anew at
-- the new log's start, otherwise it goes on behind the lost records. Null where there is no such loss. With
-- the owner's rights, since whoever serves may not move progress otherwise.
create function chassis.accept_loss(of_consumer text, of_id bigint, by_operator text) returns boolean
    language plpgsql security definer set search_path = pg_catalog
as $$
declare
    meant chassis.loss;
begin
    select * into meant from chassis.loss where id = of_id and consumer = of_consumer for update;
    if not found then
        return null;
    end if;
    if meant.accepted_at is not null or not chassis.stands(meant) then
        return false;
    end if;
    if meant.partition is null then
        update chassis.fence set next_offset = 0, topic_id = meant.found_id
        where fence.consumer = meant.consumer and fence.topic = meant.topic
            and (fence.topic_id = meant.stored_id or fence.topic_id is null);
    else
        update chassis.fence set next_offset = meant.log_start
        where fence.consumer = meant.consumer and fence.topic = meant.topic
            and fence.partition = meant.partition and fence.next_offset = meant.next_offset;
    end if;
    if not found then
        return false;
    end if;
    update chassis.loss set accepted_by = by_operator, accepted_at = now() where loss.id = of_id;
    return true;
end
$$;
revoke all on function chassis.accept_loss(text, bigint, text) from public;
grant execute on function chassis.accept_loss(text, bigint, text) to cairn_@service@_serve;
