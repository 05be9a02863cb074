-- SPDX-License-Identifier: Apache-2.0
-- The inbox is as long as it has to be (ADR 0008): days that no record can be repeated of are dropped, and a
-- record of such a day is entered under the first day that is kept.

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

drop function chassis.open_inbox_day(date);

-- Answers with the day under which what is of that day is entered.
create function chassis.open_inbox_day(day date) returns date
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
        name := 'inbox_' || to_char(day, 'YYYYMMDD');
    end if;
    if to_regclass('chassis.' || name) is not null then
        return day;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('chassis.open_inbox_day', 0));
    -- Whoever held the lock may have made it. The catalogue says so; to_regclass may remember that it was not.
    if exists (select from pg_class where relname = name and relnamespace = 'chassis'::regnamespace) then
        return day;
    end if;
    execute format('create table chassis.%I (like chassis.inbox including all)', name);
    execute format(
        'alter table chassis.inbox attach partition chassis.%I for values from (%L) to (%L)',
        name, day, day + 1
    );
    return day;
end
$$;
revoke all on function chassis.open_inbox_day(date) from public;
grant execute on function chassis.open_inbox_day(date) to cairn_@service@_consume;

-- Once a day: drops what was let go a day ago, and lets go what is older than so many days. Neither a clock
-- that is ahead nor a service that has taken nothing for weeks lets anything go: days count back from the last
-- one that something came of, at the latest. Answers with how many days were dropped. Whoever finds units at
-- work for a second gives up (55P03).
create function chassis.close_inbox_days(kept_days int) returns int
    language plpgsql security definer set search_path = pg_catalog set lock_timeout = '1s'
as $$
declare
    kept    chassis.inbox_kept;
    newest  date := (select max(day) from chassis.inbox_days());
    gone    name;
    dropped int := 0;
begin
    if newest is null or not pg_try_advisory_xact_lock(hashtextextended('chassis.open_inbox_day', 0)) then
        return 0;
    end if;
    select * into strict kept from chassis.inbox_kept;
    if kept.moved_at > now() - interval '1 day' and kept.moved_at <= now() then
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
    set moved_at = now(),
        since = greatest(since, least((now() at time zone 'utc')::date, newest) - kept_days);
    return dropped;
end
$$;
revoke all on function chassis.close_inbox_days(int) from public;
grant execute on function chassis.close_inbox_days(int) to cairn_@service@_consume;
