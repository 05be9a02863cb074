-- SPDX-License-Identifier: Apache-2.0
-- Places before all others, for a waiting record that stands in the way of those before it (ADR 0006). None is
-- given twice: a request about a place that was left means that record and no other.

create sequence chassis.parked_front as bigint increment -1 start -1 cache 1;
alter sequence chassis.parked_front owned by chassis.parked.place;
grant usage on sequence chassis.parked_front to cairn_@service@_consume;
