"""What the database itself refuses: a disclosure without a verified policy, an order that is born confirmed or changes.

How such walls are made: kit/walls.py. SQLSTATE: SH001 a disclosure, SH002 a reading, SH003 an order.
"""

from shared_apps.kit import walls
from shared_apps.kit.walls import Wall

OWNER = "smoall_owner"
CHECK_DISCLOSURE = """
CREATE OR REPLACE FUNCTION public.check_disclosure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $check_disclosure$
DECLARE
    today CONSTANT date := (now() AT TIME ZONE 'Europe/Brussels')::date;
    on_day CONSTANT date := (NEW.at AT TIME ZONE 'Europe/Brussels')::date;
    held record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a disclosure is not altered' USING ERRCODE = 'SH001';
    END IF;
    SELECT p.ended_at, p.categories, v.verified_on, v.valid_until, v.partner_id INTO held
      FROM public.sharing_verification v JOIN public.sharing_partner p ON p.id = v.partner_id
     WHERE v.id = NEW.verification_id FOR SHARE OF p;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nobody has read this partner''s policy' USING ERRCODE = 'SH001';
    END IF;
    IF held.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'the partner was ended' USING ERRCODE = 'SH001';
    END IF;
    IF least(today, on_day) < held.verified_on OR greatest(today, on_day) > held.valid_until THEN
        RAISE EXCEPTION 'the reading of the policy has expired' USING ERRCODE = 'SH001';
    END IF;
    IF EXISTS (SELECT 1 FROM public.sharing_verification v WHERE v.partner_id = held.partner_id
                  AND (v.verified_on, v.id) > (held.verified_on, NEW.verification_id)) THEN
        RAISE EXCEPTION 'the policy was read again since' USING ERRCODE = 'SH001';
    END IF;
    IF jsonb_typeof(NEW.categories) <> 'array' OR NEW.categories = '[]' OR NOT held.categories @> NEW.categories THEN
        RAISE EXCEPTION 'the partner does not get this category' USING ERRCODE = 'SH001';
    END IF;
    RETURN NEW;
END
$check_disclosure$
"""
CHECK_VERIFICATION = """
CREATE OR REPLACE FUNCTION public.check_verification() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $check_verification$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user <> 'OWNER' THEN
            RAISE EXCEPTION 'a reading is not deleted' USING ERRCODE = 'SH002';
        END IF;
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'a reading is not altered' USING ERRCODE = 'SH002';
    END IF;
    IF btrim(NEW.text) = '' OR NEW.sha256 <> encode(sha256(convert_to(NEW.text, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'the hash is not the text''s' USING ERRCODE = 'SH002';
    END IF;
    RETURN NEW;
END
$check_verification$
""".replace("OWNER", OWNER)
CHECK_GONE = """
CREATE OR REPLACE FUNCTION public.check_disclosure_gone() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $check_disclosure_gone$
BEGIN
    IF current_user <> 'OWNER' THEN
        RAISE EXCEPTION 'a disclosure goes with the contact details alone' USING ERRCODE = 'SH001';
    END IF;
    RETURN OLD;
END
$check_disclosure_gone$
""".replace("OWNER", OWNER)
CHECK_ORDER = """
CREATE OR REPLACE FUNCTION public.check_order() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp
AS $check_order$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user <> 'OWNER' THEN
            RAISE EXCEPTION 'an order is not deleted' USING ERRCODE = 'SH003';
        END IF;
        RETURN OLD;
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.confirmed_by_id IS NOT NULL
           OR coalesce(NEW.confirmed_at, NEW.made_at, NEW.taken_at, NEW.told_at) IS NOT NULL THEN
            RAISE EXCEPTION 'an order is registered first, and confirmed then' USING ERRCODE = 'SH003';
        END IF;
        IF NEW.registered_at > clock_timestamp() + interval '1 minute' THEN
            RAISE EXCEPTION 'an order is not registered in the future' USING ERRCODE = 'SH003';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.client_uuid, OLD.authority, OLD.reference, OLD.extent, OLD.selection, OLD.period_from, OLD.period_until,
        OLD.received_on, OLD.document, OLD.document_sha256, OLD.registered_by_id, OLD.registered_at) IS DISTINCT FROM
       (NEW.client_uuid, NEW.authority, NEW.reference, NEW.extent, NEW.selection, NEW.period_from, NEW.period_until,
        NEW.received_on, NEW.document, NEW.document_sha256, NEW.registered_by_id, NEW.registered_at)
       OR OLD.confirmed_at IS NOT NULL AND (OLD.confirmed_by_id, OLD.confirmed_at, OLD.recipient) IS DISTINCT FROM
                                           (NEW.confirmed_by_id, NEW.confirmed_at, NEW.recipient)
       OR OLD.record <> '' AND (OLD.record, OLD.made_at, OLD.sha256) IS DISTINCT FROM (NEW.record, NEW.made_at, NEW.sha256)
       OR OLD.told_at IS NOT NULL AND OLD.told_at IS DISTINCT FROM NEW.told_at
       OR OLD.gag_until IS NOT NULL AND (NEW.gag_until IS NULL OR NEW.gag_until < OLD.gag_until)
       OR (NEW.gag_until IS DISTINCT FROM OLD.gag_until) <> (NEW.silences IS DISTINCT FROM OLD.silences)
       OR NEW.silences IS DISTINCT FROM OLD.silences
          AND (NEW.silences - (jsonb_array_length(NEW.silences) - 1) IS DISTINCT FROM OLD.silences
               OR NEW.silences -> -1 ->> 'until' IS DISTINCT FROM NEW.gag_until::text) THEN
        RAISE EXCEPTION 'what an order says is not altered' USING ERRCODE = 'SH003';
    END IF;
    IF OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM public.accounts_user u WHERE u.id = NEW.confirmed_by_id
          AND greatest(u.entered_at, u.reactivated_at) <= NEW.registered_at
          AND u.entered_at IS NOT NULL) THEN
        RAISE EXCEPTION 'who confirms an order was there before it' USING ERRCODE = 'SH003';
    END IF;
    RETURN NEW;
END
$check_order$
""".replace("OWNER", OWNER)
WALLS = (
    Wall("check_disclosure", "INSERT OR UPDATE", "sharing_disclosure"),
    Wall("check_disclosure_gone", "DELETE", "sharing_disclosure"),
    Wall("check_verification", "INSERT OR UPDATE OR DELETE", "sharing_verification"),
    Wall("check_order", "INSERT OR UPDATE OR DELETE", "sharing_order"),
)


def statements() -> list[str]:
    return walls.statements((CHECK_DISCLOSURE, CHECK_GONE, CHECK_VERIFICATION, CHECK_ORDER), WALLS)
