-- SPDX-License-Identifier: Apache-2.0
-- Which migrations a database has had: the tables of versions are the owner's, hence the definer's rights.

-- Not in SQL: the service's table is made once its own first migration runs, behind this one.
create function chassis.schema_versions()
    returns table (kind text, version text)
    language plpgsql stable security definer set search_path = pg_catalog
as $$
begin
    return query
        select 'chassis', version_num::text from migrations.chassis
        union all
        select '@service@', version_num::text from migrations.@service@;
end
$$;
revoke all on function chassis.schema_versions() from public;
grant execute on function chassis.schema_versions() to cairn_@service@_serve;
