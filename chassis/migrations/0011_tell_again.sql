-- SPDX-License-Identifier: Apache-2.0
-- What a lost log of re-evaluations said is told again, once an operator has accepted the loss: timers that
-- are marked as told, and scans from their beginning. Which of them was lost nobody knows; what was taken
-- before keeps its id, and is a duplicate.

create policy told_again on chassis.due to cairn_@service@_owner using (true);
create policy told_again on chassis.scan to cairn_@service@_owner using (true);

create function chassis.tell_again() returns trigger
    language plpgsql security definer set search_path = pg_catalog
as $$
begin
    update chassis.due set told_at = null where told_at is not null;
    update chassis.scan set learner = '', looked_at = 0, told = 0, finished_at = null;
    return null;
end
$$;
revoke all on function chassis.tell_again() from public;

create trigger tell_again after update of accepted_at on chassis.loss
    for each row when (new.accepted_at is not null and new.topic = '@service@.reevaluations.v1')
    execute function chassis.tell_again();
