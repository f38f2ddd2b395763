"""What the database itself refuses: an issued invoice that changes or goes, and a number that is left out or given twice.

Triggers of the shared schema, made anew with every release (tenants/schemas/snapshot.py), made as kit/walls.py says, but for two
things: nobody may go around these, not even the owner; and they fire always, in a session that
replicates too. SQLSTATE: BI001 an invoice, its lines and documents; BI002 a series.

A row goes when ten years are over (`kept_until`, stored at issue), by the database's own clock.
"""

from dataclasses import replace

from shared_apps.kit import walls
from shared_apps.kit.walls import Wall

KEEP_INVOICE = """
CREATE OR REPLACE FUNCTION public.billing_keep_invoice() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $billing_keep_invoice$
DECLARE
    today CONSTANT date := (now() AT TIME ZONE 'Europe/Brussels')::date;
    until date;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF TG_TABLE_NAME = 'billing_invoice' THEN
            until := OLD.kept_until;
        ELSE
            SELECT kept_until INTO until FROM public.billing_invoice WHERE id = OLD.invoice_id;
        END IF;
        IF until < today THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'what was issued is neither altered nor deleted' USING ERRCODE = 'BI001';
END
$billing_keep_invoice$
"""
CHECK_INVOICE = """
CREATE OR REPLACE FUNCTION public.billing_check_invoice() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $billing_check_invoice$
DECLARE
    corrected record;
    credited bigint;
    counted integer;
BEGIN
    SELECT last INTO counted FROM public.billing_series WHERE kind = NEW.kind AND year = NEW.year;
    IF counted IS DISTINCT FROM NEW.sequence THEN
        RAISE EXCEPTION 'the number is not the next one of its series' USING ERRCODE = 'BI001';
    END IF;
    IF NEW.year <> extract(year FROM NEW.issued_on)
       OR NEW.kept_until < make_date(NEW.year + 10, 12, 31) THEN
        RAISE EXCEPTION 'the year of the series, or the last day of keeping, does not fit the day of issue'
            USING ERRCODE = 'BI001';
    END IF;
    IF NEW.kind = 'credit_note' THEN
        SELECT * INTO corrected FROM public.billing_invoice WHERE id = NEW.corrects_id FOR UPDATE;
        IF NOT FOUND OR corrected.kind <> 'invoice' OR corrected.client_uuid <> NEW.client_uuid THEN
            RAISE EXCEPTION 'a credit note corrects an invoice of the same client' USING ERRCODE = 'BI001';
        END IF;
        SELECT coalesce(sum(payable), 0) INTO credited FROM public.billing_invoice WHERE corrects_id = NEW.corrects_id;
        IF credited + NEW.payable > corrected.payable THEN
            RAISE EXCEPTION 'more would be credited than was invoiced' USING ERRCODE = 'BI001';
        END IF;
    END IF;
    RETURN NEW;
END
$billing_check_invoice$
"""
CHECK_LINE = """
CREATE OR REPLACE FUNCTION public.billing_check_line() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $billing_check_line$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.billing_invoice
                    WHERE id = NEW.invoice_id AND NEW.position BETWEEN 1 AND line_count) THEN
        RAISE EXCEPTION 'an issued invoice gets no further line' USING ERRCODE = 'BI001';
    END IF;
    RETURN NEW;
END
$billing_check_line$
"""
CHECK_TOTALS = """
CREATE OR REPLACE FUNCTION public.billing_check_totals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $billing_check_totals$
DECLARE
    lines integer;
    total bigint;
BEGIN
    SELECT count(*), coalesce(sum(net), 0) INTO lines, total FROM public.billing_invoiceline WHERE invoice_id = NEW.id;
    IF lines <> NEW.line_count OR total <> NEW.net THEN
        RAISE EXCEPTION 'the lines are not the invoice''s' USING ERRCODE = 'BI001';
    END IF;
    RETURN NULL;
END
$billing_check_totals$
"""
KEEP_SERIES = """
CREATE OR REPLACE FUNCTION public.billing_keep_series() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $billing_keep_series$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.last = 0 THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF (OLD.id, OLD.kind, OLD.year) IS NOT DISTINCT FROM (NEW.id, NEW.kind, NEW.year) AND NEW.last = OLD.last + 1 THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a series goes on from its last number' USING ERRCODE = 'BI002';
END
$billing_keep_series$
"""
CHECK_SERIES = """
CREATE OR REPLACE FUNCTION public.billing_check_series() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $billing_check_series$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.billing_invoice
                    WHERE kind = NEW.kind AND year = NEW.year AND sequence = NEW.last) THEN
        RAISE EXCEPTION 'a number was counted and not used' USING ERRCODE = 'BI002';
    END IF;
    RETURN NULL;
END
$billing_check_series$
"""
FUNCTIONS = (KEEP_INVOICE, CHECK_INVOICE, CHECK_LINE, CHECK_TOTALS, KEEP_SERIES, CHECK_SERIES)
KEPT = ("billing_invoice", "billing_invoiceline", "billing_document")
WALLS = tuple(
    replace(wall, always=True)
    for wall in (
        *(Wall("keep_issued", "UPDATE OR DELETE", table, "billing_keep_invoice") for table in KEPT),
        *(Wall("keep_all", "TRUNCATE", table, "billing_keep_invoice", each="STATEMENT") for table in KEPT),
        Wall("check_invoice", "INSERT", "billing_invoice", "billing_check_invoice"),
        Wall("check_line", "INSERT", "billing_invoiceline", "billing_check_line"),
        Wall("check_totals", "INSERT", "billing_invoice", "billing_check_totals", each="COMMIT"),
        Wall("keep_series", "INSERT OR UPDATE OR DELETE", "billing_series", "billing_keep_series"),
        Wall("keep_all", "TRUNCATE", "billing_series", "billing_keep_series", each="STATEMENT"),
        Wall("check_series", "UPDATE", "billing_series", "billing_check_series", each="COMMIT"),
    )
)


def statements() -> list[str]:
    return walls.statements(FUNCTIONS, WALLS)
