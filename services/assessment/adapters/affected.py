# SPDX-License-Identifier: Apache-2.0
"""Which learners a policy's publication can affect: those with a result of an activity that it counts."""

# The key of results is entered with the whole array of activities, learner by learner.
AFFECTED = """
select chunk.id, exists (
    select from assessment.result
    where result.tenant = $1 and result.learner = chunk.id and result.activity = any ($4::text[])
)
from (select id from chassis.learner where tenant = $1 and id > $2 order by id limit $3) as chunk
"""
