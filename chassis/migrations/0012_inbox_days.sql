-- SPDX-License-Identifier: Apache-2.0
-- The inbox is as long as it has to be (ADR 0008): days are dropped, and a record of such a day is entered under
-- the first day that is kept.

create table chassis.inbox_kept (
    one      boolean primary key default true check (one),
    -- The first day that is kept for good. Those before are used for twelve hours more, and dropped after a day:
    -- whoever has asked for one of them lately may still enter something in it.
    since    date not null,
    moved_at timestamptz not null
);
insert into chassis.inbox_kept (since, moved_at) values ('0001-01-01', '-infinity');

create function chassis.inbox_days() returns table (name name, day date)
    language sql stable set search_path = pg_catalog
as $$
    select relname, to_date(substr(relname, 7), 'YYYYMMDD') from pg_inherits
    join pg_class on pg_class.oid = inhrelid
    where inhparent = 'chassis.inbox'::regclass
$$;
revoke all on function chassis.inbox_days() from public;

-- Answers with the day under which what is of that day is entered. An older process goes on with
-- open_inbox_day, and enters everything under its own day.
create function chassis.inbox_day(day date) returns date
    language plpgsql security definer set search_path = pg_catalog
as $$
declare
    kept chassis.inbox_kept;
    name text := 'inbox_' || to_char(day, 'YYYYMMDD');
begin
    select * into strict kept from chassis.inbox_kept;
    if day < kept.since
        and (to_regclass('chassis.' || name) is null or kept.moved_at < now() - interval '12 hours')
    then
        day := kept.since;
    end if;
    perform chassis.open_inbox_day(day);
    return day;
end
$$;
revoke all on function chassis.inbox_day(date) from public;
grant execute on function chassis.inbox_day(date) to cairn_@service@_consume;

-- Once a day: drops what was let go a day ago, and lets go what is older than so many days. Neither a clock
-- that is ahead nor a service that has taken nothing for weeks lets anything go: days count back from the last
-- one up to today that something came of. Answers with how many days were dropped. Whoever finds units at
-- work for a second gives up (55P03).
create function chassis.close_inbox_days(kept_days int) returns int
    language plpgsql security definer set search_path = pg_catalog set lock_timeout = '1s'
as $$
declare
    kept    chassis.inbox_kept;
    today   date := (now() at time zone 'utc')::date;
    newest  date := (select max(day) from chassis.inbox_days() where day <= today);
    gone    name;
    dropped int := 0;
begin
    if newest is null or not pg_try_advisory_xact_lock(hashtextextended('chassis.open_inbox_day', 0)) then
        return 0;
    end if;
    select * into strict kept from chassis.inbox_kept;
    if kept.moved_at > now() then
        -- A clock that was ahead: nobody knows when that was.
        update chassis.inbox_kept set moved_at = now();
        return 0;
    elsif kept.moved_at > now() - interval '1 day' then
        return 0;
    end if;
    if exists (select from chassis.inbox_days() where day < kept.since) then
        lock table chassis.inbox in access exclusive mode;
        for gone in select name from chassis.inbox_days() where day < kept.since loop
            execute format('drop table chassis.%I', gone);
            dropped := dropped + 1;
        end loop;
    end if;
    update chassis.inbox_kept
    set moved_at = now(), since = greatest(since, newest - kept_days);
    return dropped;
end
$$;
revoke all on function chassis.close_inbox_days(int) from public;
grant execute on function chassis.close_inbox_days(int) to cairn_@service@_consume;
