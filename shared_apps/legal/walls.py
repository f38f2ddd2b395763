"""What the database itself refuses: a publication that changes its story, and a notice that is rewritten.

Triggers of the shared schema, made anew with every release (tenants/snapshot.py), like those of sharing/walls.py and for
the same reasons. SQLSTATE: LE001 a publication, LE002 a notice. An acceptance has its history instead.
"""

CHECK_PUBLICATION = """
CREATE OR REPLACE FUNCTION public.check_publication() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $check_publication$
BEGIN
    IF OLD.confirmed_at IS NOT NULL AND current_user <> 'smoall_owner' THEN
        RAISE EXCEPTION 'what was published stays as it was' USING ERRCODE = 'LE001';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF (OLD.kind, OLD.version, OLD.digests, OLD.in_force_on, OLD.changes_contacts, OLD.explanation, OLD.proposed_by_id,
        OLD.proposed_at) IS DISTINCT FROM
       (NEW.kind, NEW.version, NEW.digests, NEW.in_force_on, NEW.changes_contacts, NEW.explanation, NEW.proposed_by_id,
        NEW.proposed_at) THEN
        RAISE EXCEPTION 'what was proposed is withdrawn, not altered' USING ERRCODE = 'LE001';
    END IF;
    IF OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM public.accounts_user u WHERE u.id = NEW.confirmed_by_id AND u.entered_at <= NEW.proposed_at) THEN
        RAISE EXCEPTION 'who confirms a version was there before it was proposed' USING ERRCODE = 'LE001';
    END IF;
    RETURN NEW;
END
$check_publication$
"""
CHECK_TOLD = """
CREATE OR REPLACE FUNCTION public.check_told() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $check_told$
BEGIN
    IF current_user <> 'smoall_owner' THEN
        RAISE EXCEPTION 'what a client was told is not altered' USING ERRCODE = 'LE002';
    END IF;
    RETURN NEW;
END
$check_told$
"""
TRIGGERS = (
    ("check_publication", "check_publication", "UPDATE OR DELETE", "legal_publication"),
    ("check_notice", "check_told", "UPDATE", "legal_notice"),
)


def statements() -> list[str]:
    """DDL that makes or renews the walls, one by one. To be run by the owner, in the shared schema."""
    made = [body.strip() for body in (CHECK_PUBLICATION, CHECK_TOLD)]
    for name, function, events, table in TRIGGERS:
        made.append(
            f"CREATE OR REPLACE TRIGGER {name} BEFORE {events} ON public.{table} "
            f"FOR EACH ROW EXECUTE FUNCTION public.{function}()"
        )
    return made
