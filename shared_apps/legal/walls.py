"""What the database itself refuses: a publication that is born confirmed or changes its story; a notice that is rewritten.

How such walls are made: kit/walls.py. SQLSTATE: LE001 a publication, LE002 a notice. An acceptance has its history instead.
"""

from shared_apps.kit import walls
from shared_apps.kit.walls import Wall

CHECK_PUBLICATION = """
CREATE OR REPLACE FUNCTION public.check_publication() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $check_publication$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF (NEW.confirmed_at IS NOT NULL OR NEW.confirmed_by_id IS NOT NULL)
           AND (NEW.proposed_by_id IS NOT NULL OR current_user <> 'smoall_owner') THEN
            RAISE EXCEPTION 'a version is proposed first, and confirmed then' USING ERRCODE = 'LE001';
        END IF;
        IF NEW.confirmed_at IS NULL AND NEW.proposed_at > clock_timestamp() + interval '1 minute' THEN
            RAISE EXCEPTION 'a version is not proposed in the future' USING ERRCODE = 'LE001';
        END IF;
        RETURN NEW;
    END IF;
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
        SELECT 1 FROM public.accounts_user u WHERE u.id = NEW.confirmed_by_id
          AND greatest(u.entered_at, u.reactivated_at) <= NEW.proposed_at
          AND u.entered_at IS NOT NULL) THEN
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
    IF TG_OP = 'DELETE' THEN
        IF current_user <> 'smoall_owner' THEN
            RAISE EXCEPTION 'what a client was told goes with its contact details alone' USING ERRCODE = 'LE002';
        END IF;
        RETURN OLD;
    END IF;
    IF current_user <> 'smoall_owner'
       AND (to_jsonb(OLD) - 'sent_at' - 'is_mailed' IS DISTINCT FROM to_jsonb(NEW) - 'sent_at' - 'is_mailed'
            OR OLD.sent_at IS NOT NULL AND NEW.sent_at IS DISTINCT FROM OLD.sent_at
            OR NEW.is_mailed AND NOT OLD.is_mailed) THEN  -- a mail may come back, but none becomes one that was sent
        RAISE EXCEPTION 'what a client was told is not altered' USING ERRCODE = 'LE002';
    END IF;
    RETURN NEW;
END
$check_told$
"""
WALLS = (
    Wall("check_publication", "INSERT OR UPDATE OR DELETE", "legal_publication"),
    Wall("check_notice", "UPDATE OR DELETE", "legal_notice", function="check_told"),
)


def statements() -> list[str]:
    return walls.statements((CHECK_PUBLICATION, CHECK_TOLD), WALLS)
