-- SPDX-License-Identifier: Apache-2.0
-- An operator may halt a consumer by hand: it takes nothing until it is resumed, as when its breaker opens.

alter table chassis.breaker add column paused_by text;
alter table chassis.breaker add constraint paused_is_open check (paused_by is null or open_since is not null);
grant insert on chassis.breaker to cairn_@service@_serve;
