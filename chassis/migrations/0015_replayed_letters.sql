-- SPDX-License-Identifier: Apache-2.0
-- A dead letter whose bytes are kept can be taken in again: by a request like those about waiting records,
-- with no learner, and with the letter's id in the place of a record's.

alter table chassis.dead_letter
    -- Since when its record has taken effect, or turned out to be a repeat.
    add column replayed_at timestamptz;
drop index chassis.dead_letter_standing;
create index dead_letter_standing on chassis.dead_letter (tenant, id)
    where discarded_at is null and replayed_at is null;
grant select on chassis.dead_letter to cairn_@service@_consume;
grant update (replayed_at, reason, field) on chassis.dead_letter to cairn_@service@_consume;
