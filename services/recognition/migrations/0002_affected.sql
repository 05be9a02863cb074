-- SPDX-License-Identifier: Apache-2.0
-- The scan after a publication sees which learner has which attainments and awards, and nothing else of
-- them; row-level security shows it the tenant of its transaction alone (I9).

grant usage on schema recognition to cairn_recognition_schedule;
grant select (tenant, learner, competency) on recognition.attainment to cairn_recognition_schedule;
grant select (tenant, learner, credential) on recognition.award to cairn_recognition_schedule;
