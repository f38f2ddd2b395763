"""Neither what billing reads nor what the stand-in gives drifts from the processor's own interface.

Both are held against the typed resources of the `stripe` library at the pinned version (shapes.py).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from stripe._api_version import _ApiVersion

from billing import gateway
from tests.billing.shapes import complaints, follow, missing

ROOT = Path(__file__).resolve().parents[2]
READERS = {"read": 1, "id_of": 1, "rows": 1}
# What would let a card, or an account at a bank, be known again (P15). The kind of a means of payment is its `type`.
SECRET = {
    "card", "last4", "fingerprint", "exp_month", "exp_year", "iin", "issuer", "brand", "sepa_debit", "bancontact",
    "us_bank_account", "network_token", "dynamic_last4",
}  # fmt: skip


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / "billing").rglob("*.py")):
        if "standin" not in path.parts and path.name != "gateway.py":
            yield path.relative_to(ROOT), ast.parse(path.read_text())


def called(node: ast.AST) -> str:
    """The bare name of what is called: `gateway.read(…)` and `read(…)` are both read."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each way of reading the processor's objects that leads nowhere, leads to a card, or is not ours."""
    from_gateway = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "billing.gateway"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in READERS:
            owner = getattr(getattr(node.func, "value", None), "id", "")
            if owner == "gateway" or (owner == "" and called(node) in from_gateway):
                yield from ((node.lineno, what) for what in _reading(node))
        if isinstance(node, ast.FunctionDef) and any(
            called(one) == "projects" for one in node.decorator_list
        ):
            yield from _past_the_readers(node)


def _reading(node: ast.Call) -> Iterator[str]:
    literal = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
    kind, paths = literal[0] if literal else None, literal[2:]
    if not isinstance(kind, str) or not paths or not all(isinstance(path, str) for path in paths):
        yield f"{ast.unparse(node)}: the kind and each path must be literals"
        return
    whole = ".".join(str(path) for path in paths)
    if hidden := SECRET & set(whole.split(".")):
        yield f"{kind}.{whole} leads to what only the processor may know: {sorted(hidden)}"
    if wrong := follow(kind, *map(str, paths)):
        yield wrong


def _past_the_readers(function: ast.FunctionDef) -> Iterator[tuple[int, str]]:
    first = function.args.args[0].arg
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute | ast.Subscript) and getattr(node.value, "id", "") == first:
            yield node.lineno, f"{function.name} reads {ast.unparse(node)} past gateway.read"


def test_the_pinned_version_is_the_one_that_the_library_describes() -> None:
    assert gateway.VERSION == _ApiVersion.CURRENT


def test_billing_reads_only_what_the_processor_declares_and_no_card() -> None:
    found = [f"{path}:{line}: {what}" for path, tree in sources() for line, what in faults(tree)]
    assert found == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('read("invoice", x, "total_tax")', "has no total_tax"),
        ('read("invoice", x, "subscription")', "has no subscription"),
        ('read("invoice", x, "parent.subscription_details.subscription.id.x")', "nothing is known"),
        ('read("invoise", x, "id")', "no kind of object"),
        ('read(kind, x, "id")', "must be literals"),
        ('read("payment_method", x, "card.last4")', "only the processor may know"),
        ('rows("invoice", x, "total_taxes", "amont")', "has no amont"),
        ('rows("subscription", x, "items.data", "prize")', "has no prize"),
        ('id_of("charge", x, "invoice")', "has no invoice"),
    ],
)
def test_a_planted_fault_is_found(line: str, expected: str) -> None:
    found = [
        what for _, what in faults(ast.parse(f"from billing.gateway import read, rows, id_of\n{line}\n"))
    ]
    assert len(found) == 1 and expected in found[0]


@pytest.mark.parametrize(
    "line",
    [
        'read("invoice", x, "status_transitions.paid_at")',
        'read("invoice", x, "parent.subscription_details.subscription")',
        'read("invoice", x, "lines.data")',
        'read("customer", x, "metadata.client")',
        'rows("invoice", x, "total_taxes", "amount", "tax_rate_details.tax_rate")',
        'rows("subscription", x, "items.data", "id", "price.id", "quantity", "current_period_end")',
        'id_of("charge", x, "payment_intent")',
        'read("charge", x, "payment_method_details.type")',
        'read("tax_id", x, "verification.status")',
        'read("line_item", x, "pricing.price_details.price")',
    ],
)
def test_what_is_declared_is_let_through(line: str) -> None:
    assert not list(faults(ast.parse(f"from billing.gateway import read, rows, id_of\n{line}\n")))


def test_a_projection_that_goes_past_the_readers_is_found() -> None:
    text = '@projects("charge")\ndef f(charge, *, now):\n    return charge["amount"], charge.paid, now\n'
    assert len(list(faults(ast.parse(text)))) == 2


# --- what the stand-in gives ------------------------------------------------------------------------------------

# Every other test of the stand-in ends by `processor.drift() == []`, over all that it made and every event of it.


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"subscription": "sub_1"}, "charge.subscription is declared nowhere"),
        ({"amount": "12"}, "no int"),
        ({"paid": 1}, "no bool"),
        ({"amount": None}, "no int"),
        ({"status": "paid"}, "none of"),
        ({"customer": 7}, "no Customer"),
        ({"customer": {"object": "customer", "id": "cus_1", "vat": "x"}}, "customer.vat is declared nowhere"),
        ({"billing_details": {"name": 7}}, "no str"),
        (
            {"payment_method_details": {"type": "card", "card": {"number": "4242"}}},
            "number is declared nowhere",
        ),
        ({"refunds": []}, "no list object"),
        ({"metadata": {"a": 1}}, "no str"),
    ],
)
def test_a_planted_drift_is_found(change: dict[str, object], expected: str) -> None:
    charge: dict[str, object] = {
        "object": "charge",
        "id": "ch_1",
        "amount": 12,
        "status": "succeeded",
        "customer": "cus_1",
    }
    assert list(complaints(charge)) == []
    found = list(complaints(charge | change))
    assert len(found) == 1 and expected in found[0]
    assert "currency" in missing(charge)
