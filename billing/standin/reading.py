"""Retrieving, listing and deleting: the same for every kind of object that can be."""

from billing.standin.asked import Asked, page, route
from billing.standin.store import Thing, World

PLAIN = (
    "balance_transaction", "charge", "coupon", "credit_note", "customer", "dispute", "event", "invoice", "invoice_payment",
    "invoiceitem", "payment_intent", "payment_method", "payout", "price", "product", "promotion_code", "refund", "setup_intent",
    "subscription", "tax_rate",
)  # fmt: skip
READABLE = {kind: f"{kind}s" for kind in PLAIN} | {"checkout.session": "checkout/sessions"}
DELETABLE = {"product": "products", "coupon": "coupons"}


def _readable(kind: str, plural: str) -> None:
    @route("GET", f"/v1/{plural}/{{id}}")
    def retrieve(world: World, asked: Asked, id: str) -> Thing:
        return world.get(kind, id)

    @route("GET", f"/v1/{plural}")
    def list_them(world: World, asked: Asked) -> Thing:
        return page(world, asked, kind, f"/v1/{plural}")


def _deletable(kind: str, plural: str) -> None:
    @route("DELETE", f"/v1/{plural}/{{id}}")
    def delete(world: World, asked: Asked, id: str) -> Thing:
        return world.forget(world.get(kind, id), f"{kind}.deleted")


for _kind, _plural in READABLE.items():
    _readable(_kind, _plural)
for _kind, _plural in DELETABLE.items():
    _deletable(_kind, _plural)
