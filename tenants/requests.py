"""Who asked for something about a client, without a name: what is kept after the person's details are gone."""

from shared_apps.kit.scope import Actor

ROLES = {
    "user": "owner",
    "operator": "operator",
    "integrator": "contact",
    "contact": "contact",
    "job": "operator",
    "system": "operator",
}


def role_of(actor: Actor) -> dict[str, str]:
    """{"role": code, "id": key}: the code is one that a certificate knows."""
    return {"role": ROLES[actor.kind], "id": actor.id}
