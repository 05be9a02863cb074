-- SPDX-License-Identifier: Apache-2.0
-- By what platforms are known at the HTTP door. Of a secret only its digest is kept: it has 256 random bits,
-- so that nothing slower than SHA-256 is needed (NIST SP 800-63B, 5.1.2.2).

create table assessment.source_credential (
    number     bigint generated always as identity primary key,
    tenant     text  collate "C" not null,
    source     text  collate "C" not null,
    credential text  collate "C" not null,
    digest     bytea not null check (length(digest) = 32),
    issued_at  timestamptz not null default now(),
    revoked_at timestamptz,
    unique (tenant, source, credential)
);
create index source_credential_of on assessment.source_credential (tenant, source, number);
alter table assessment.source_credential enable row level security;
alter table assessment.source_credential force row level security;
create policy tenant_isolation on assessment.source_credential
    using (tenant = any ((select chassis.tenants())::text[]))
    with check (tenant = any ((select chassis.tenants())::text[]));
-- Who a platform is, is asked before anything is known of whose learners it speaks. No learner is in here.
create policy serve_all on assessment.source_credential for select to cairn_assessment_serve using (true);
-- One that is revoked stays so.
create policy revoke_once on assessment.source_credential as restrictive for update
    using (revoked_at is null) with check (revoked_at is not null);
grant select, insert on assessment.source_credential to cairn_assessment_serve;
grant update (revoked_at) on assessment.source_credential to cairn_assessment_serve;
