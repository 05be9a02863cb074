-- SPDX-License-Identifier: Apache-2.0
-- What a discard has passed over, so that who asked for it is told; and requests of the consumer itself that
-- met an error, which are asked for anew at a later instant and not before (ADR 0006).

alter table chassis.replay
    -- Which change that was: null where the record states none, or does not say which.
    add column skipped_subject text,
    add column skipped_revision int;

create or replace function chassis.next_replay(of_consumer text, out tenant text, out id uuid)
    language sql stable security definer set search_path = pg_catalog
as $$
    select tenant, id from chassis.replay
    where consumer = of_consumer and done_at is null and asked_at <= now()
    order by consumer, asked_at, id
    limit 1
$$;
