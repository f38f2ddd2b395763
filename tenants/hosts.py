"""Which workspace a host's label names: a function of the shared schema, which the middleware asks before each request.

A function, since planning five joined tables takes ten times as long as running them: of a function's statement
PostgreSQL keeps the plan for as long as its backend lasts, whoever is served by it, behind a pooler too.
"""

from tenants import roles

# What it returns is part of its name: while a release comes, the code of the one before still calls it as it was.
# Whoever changes the columns gives it another number.
FUNCTION = "workspace_of_label_1"
RESOLVE = """
CREATE OR REPLACE FUNCTION public.FUNCTION(asked text)
RETURNS TABLE (id uuid, state text, reason text, release text, company text, is_primary boolean, primary_label text,
               is_read_only boolean, leaving_on date, unpaid_since timestamptz, held text)
LANGUAGE plpgsql
AS $FUNCTION$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.id, t.state::text, t.state_reason::text, t.release::text, c.company::text, d.is_primary, p.domain::text,
           t.is_read_only, e.data_on, t.unpaid_since,
           pg_advisory_xact_lock_shared(hashtextextended(t.id::text, 0))::text
      FROM public.tenants_domain d
      JOIN public.tenants_tenant t ON t.id = d.tenant_id
      JOIN public.clients_client c ON c.id = t.client_id
      LEFT JOIN public.tenants_domain p ON p.tenant_id = t.id AND p.is_primary
      LEFT JOIN public.tenants_departure e ON e.tenant_uuid = t.id AND e.withdrawn_at IS NULL
     WHERE d.domain = asked;
END
$FUNCTION$
""".replace("FUNCTION(", f"{FUNCTION}(").replace("$FUNCTION$", f"${FUNCTION}$")


def statements() -> list[str]:
    """DDL that makes or renews the function, for the shared role alone. To be run by the owner."""
    named = f"FUNCTION public.{FUNCTION}(text)"
    return [
        RESOLVE.strip(),
        f"REVOKE EXECUTE ON {named} FROM PUBLIC",
        f"GRANT EXECUTE ON {named} TO {roles.SHARED}",
    ]
