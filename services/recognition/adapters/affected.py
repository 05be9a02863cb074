# SPDX-License-Identifier: Apache-2.0
"""Which learners a rule's publication can affect: those with an attainment or an award that it reaches."""

# Nodes are competencies, which are URIs, and credentials, which are slugs: no name is both.
AFFECTED = """
select chunk.id, exists (
    select from recognition.attainment as known
    where known.tenant = $1 and known.learner = chunk.id and known.competency = any ($4::text[])
) or exists (
    select from recognition.award as known
    where known.tenant = $1 and known.learner = chunk.id and known.credential = any ($4::text[])
)
from (select id from chassis.learner where tenant = $1 and id > $2 order by id limit $3) as chunk
"""
