-- SPDX-License-Identifier: Apache-2.0
-- What stands where, for the metrics of a service: over all tenants, hence the definer's rights, and nothing
-- but numbers by consumer and reason.

create policy standing_read on chassis.parked for select to cairn_@service@_owner using (true);
create policy standing_read on chassis.dead_letter for select to cairn_@service@_owner using (true);
create policy standing_read on chassis.rule_epoch for select to cairn_@service@_owner using (true);

create function chassis.standing()
    returns table (name text, consumer text, reason text, value float8)
    language sql stable security definer set search_path = pg_catalog
as $$
    select 'outbox_rows', '', '', count(*)::float8 from chassis.outbox
    union all
    select 'outbox_age', '', '', coalesce(
        (select extract(epoch from clock_timestamp() - created_at) from chassis.outbox order by id limit 1), 0
    )
    union all
    select 'due_age', '', '', greatest(0, coalesce(
        (select extract(epoch from clock_timestamp() - at) from chassis.due
            where told_at is null order by at limit 1), 0
    ))
    union all
    -- One that was never analysed tells less than none.
    select 'inbox_rows', '', '', coalesce(sum(greatest(reltuples, 0)), 0)
    from pg_inherits join pg_class on pg_class.oid = inhrelid
    where inhparent = 'chassis.inbox'::regclass
    union all
    select 'parked_learners', waiting.consumer, '', count(*)
    from (select distinct parked.tenant, parked.consumer, learner from chassis.parked) as waiting
    group by waiting.consumer
    union all
    select 'parked_records', parked.consumer, '', count(*) from chassis.parked group by parked.consumer
    union all
    select 'dead_letters', letter.consumer, letter.reason, count(*)
    from (
        select dead_letter.consumer, dead_letter.reason from chassis.dead_letter
        where discarded_at is null and replayed_at is null
        union all
        select parked.consumer, parked.reason from chassis.parked where outcome = 'dead_lettered'
    ) as letter
    group by letter.consumer, letter.reason
    union all
    select 'breaker', breaker.consumer, '', (open_since is not null and paused_by is null)::int
    from chassis.breaker
    union all
    select 'paused', breaker.consumer, '', (paused_by is not null)::int from chassis.breaker
    union all
    select 'losses', loss.consumer, '', count(*) from chassis.loss
    where accepted_at is null and chassis.stands(loss) group by loss.consumer
    union all
    select 'publications', '', '', coalesce(sum(epoch), 0) from chassis.rule_epoch
    union all
    select 'scans', '', case when paused then 'paused' else 'running' end, count(*)
    from chassis.scan where finished_at is null group by paused
    union all
    select 'scanned', '', '', coalesce(sum(looked_at), 0) from chassis.scan where finished_at is null
$$;
revoke all on function chassis.standing() from public;
grant execute on function chassis.standing() to cairn_@service@_serve;
