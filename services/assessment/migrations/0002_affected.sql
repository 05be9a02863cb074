-- SPDX-License-Identifier: Apache-2.0
-- The scan after a publication sees which learner has a result of which activity, and nothing else of it;
-- row-level security shows it the tenant of its transaction alone (I9).

grant usage on schema assessment to cairn_assessment_schedule;
grant select (tenant, learner, activity) on assessment.result to cairn_assessment_schedule;
