"""What the database itself refuses: what was added about a breach of security, altered or taken away.

How such walls are made: kit/walls.py. SQLSTATE: RQ001 a supplement.
"""

from shared_apps.kit import walls
from shared_apps.kit.walls import Wall

CHECK_SUPPLEMENT = """
CREATE OR REPLACE FUNCTION public.check_supplement() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $check_supplement$
BEGIN
    IF current_user <> 'smoall_owner' THEN
        RAISE EXCEPTION 'what was added about a breach is not altered' USING ERRCODE = 'RQ001';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$check_supplement$
"""
WALLS = (Wall("check_supplement", "UPDATE OR DELETE", "requests_supplement"),)


def statements() -> list[str]:
    return walls.statements((CHECK_SUPPLEMENT,), WALLS)
