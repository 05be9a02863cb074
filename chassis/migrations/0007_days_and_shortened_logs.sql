-- SPDX-License-Identifier: Apache-2.0
-- A day of the inbox is opened without waiting for whoever writes in another one, and a log that ends before
-- the stored progress is a loss like one that starts behind it.

-- A partition that is made in place would lock the whole inbox against every writer; one that is attached
-- does not.
create or replace function chassis.open_inbox_day(day date) returns void
    language plpgsql security definer set search_path = pg_catalog
as $$
declare
    name text := 'inbox_' || to_char(day, 'YYYYMMDD');
begin
    if to_regclass('chassis.' || name) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('chassis.open_inbox_day', 0));
    -- Whoever held the lock may have made it. The catalogue says so; to_regclass may remember that it was not.
    if exists (select from pg_class where relname = name and relnamespace = 'chassis'::regnamespace) then
        return;
    end if;
    execute format('create table chassis.%I (like chassis.inbox including all)', name);
    execute format(
        'alter table chassis.inbox attach partition chassis.%I for values from (%L) to (%L)',
        name, day, day + 1
    );
end
$$;

-- log_start is where the log goes on: above next_offset where it has lost what was not consumed yet, below
-- it where it has lost what was, and will give its offsets to other records.
alter table chassis.loss drop constraint loss_check;
alter table chassis.loss add constraint loss_elsewhere check (log_start <> next_offset);
