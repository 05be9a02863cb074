-- SPDX-License-Identifier: Apache-2.0
-- What was told of a learner is found again: in answers about them alone, and in those about the whole
-- institution, which held the entries from one position to another.

-- Columns of their own, because row-level security keeps an index of an expression from being used.
alter table records.disclosure
    add column first_position bigint generated always as ((told::jsonb ->> 'first')::bigint) stored,
    add column last_position bigint generated always as ((told::jsonb ->> 'last')::bigint) stored;
create index disclosure_of_learner on records.disclosure (tenant, learner, disclosed_at, disclosure_id)
    where learner is not null;
create index disclosure_of_all on records.disclosure (tenant, first_position, last_position)
    where learner is null and first_position is not null;
grant select on records.disclosure to cairn_records_serve;
