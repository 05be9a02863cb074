-- SPDX-License-Identifier: Apache-2.0
-- What a discard has passed over, so that who asked for it is told (ADR 0006).

alter table chassis.replay
    -- Which change that was: null where the record states none, or does not say which.
    add column skipped_subject text,
    add column skipped_revision int;
