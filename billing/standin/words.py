"""What the pages say, in English and French. Not by gettext: the process has no Django."""

from collections.abc import Callable

METHODS = {"card": "Card", "bancontact": "Bancontact", "sepa_debit": "SEPA direct debit"}
BEHAVIOURS = {
    "ok": "Pays",
    "decline": "Is declined",
    "later": "Is accepted, and declined when it shall pay",
    "secure": "The bank asks first (3-D Secure)",
    "always_secure": "The bank asks each time (3-D Secure)",
    "dispute": "Pays, and its holder disputes it a minute later",
    "fails": "Fails after three days",
}
STATES = {
    "open": "To be paid",
    "paid": "Paid",
    "void": "Cancelled",
    "uncollectible": "Given up",
    "draft": "Being prepared",
    "complete": "This is done",
    "expired": "This page has expired",
    "trialing": "On trial",
    "active": "Active",
    "past_due": "Payment is late",
    "unpaid": "Not paid",
    "paused": "Paused",
    "incomplete": "Waiting for the first payment",
    "incomplete_expired": "The first payment never came",
    "canceled": "Ended",
}
CHECKS = {  # of a VAT number
    "pending": "being checked",
    "verified": "confirmed",
    "unverified": "not confirmed",
    "unavailable": "can’t be checked",
}
CHARGES = {"succeeded": "paid", "pending": "under way", "failed": "failed"}
PASSING = {1: "A day", 3: "Three days", 7: "A week", 31: "31 days"}
FRENCH = {
    "Stand-in for the payment operator, no money moves": "Doublure de l’opérateur de paiement : aucun argent ne bouge",
    "Stand-in for the payment operator": "Doublure de l’opérateur de paiement",
    "Card": "Carte",
    "Bancontact": "Bancontact",
    "SEPA direct debit": "Domiciliation SEPA",
    "Name": "Nom",
    "Card number": "Numéro de carte",
    "Expires (MM/YY)": "Expire (MM/AA)",
    "Security code": "Code de sécurité",
    "E-mail": "E-mail",
    "Pay": "Payer",
    "Save": "Enregistrer",
    "Ways to pay": "Moyens de paiement",
    "Way to pay": "Moyen de paiement",
    "Back without paying": "Revenir sans payer",
    "Back to Smoall": "Retour à Smoall",
    "Nothing is taken now.": "Rien n’est prélevé maintenant.",
    "Invoice": "Facture",
    "Invoices": "Factures",
    "of which VAT": "dont TVA",
    "VAT": "TVA",
    "Discount": "Remise",
    "Promotion code": "Code promotionnel",
    "Apply": "Appliquer",
    "What can be typed here": "Ce qui peut être saisi ici",
    "Number": "Numéro",
    "What happens": "Ce qui se passe",
    "Your bank asks": "Votre banque demande",
    "Do you confirm this payment to Smoall?": "Confirmez-vous ce paiement à Smoall ?",
    "Confirm": "Confirmer",
    "Refuse": "Refuser",
    "The bank did not confirm the payment. Try again or choose another way to pay.": (
        "La banque n’a pas confirmé le paiement. Réessayez ou choisissez un autre moyen de paiement."
    ),
    "What": "Objet",
    "Amount": "Montant",
    "Day": "Jour",
    "State": "État",
    "ends on": "prend fin le",
    "renews on": "se renouvelle le",
    "Keep it": "Le garder",
    "Cancel at the end of the period": "Résilier à la fin de la période",
    "None yet": "Aucun pour l’instant",
    "Change it": "Le changer",
    "Your subscription": "Votre abonnement",
    "Nothing here": "Il n’y a rien ici",
    "It is": "Nous sommes le",
    "Let time pass:": "Laisser passer du temps :",
    "A day": "Un jour",
    "Three days": "Trois jours",
    "A week": "Une semaine",
    "31 days": "31 jours",
    "Customers": "Clients",
    "Customer": "Client",
    "Subscription": "Abonnement",
    "Tax ids": "Numéros de TVA",
    "Payments": "Paiements",
    "Events waiting to be delivered: %(count)s": "Événements en attente : %(count)s",
    "Pays": "Paie",
    "Is declined": "Est refusée",
    "Is accepted, and declined when it shall pay": "Est acceptée, puis refusée au moment de payer",
    "The bank asks first (3-D Secure)": "La banque demande d’abord (3-D Secure)",
    "The bank asks each time (3-D Secure)": "La banque demande chaque fois (3-D Secure)",
    "Pays, and its holder disputes it a minute later": "Paie, et le titulaire conteste une minute plus tard",
    "Fails after three days": "Échoue après trois jours",
    "To be paid": "À payer",
    "Paid": "Payée",
    "Cancelled": "Annulée",
    "Given up": "Abandonnée",
    "Being prepared": "En préparation",
    "This is done": "C’est fait",
    "This page has expired": "Cette page a expiré",
    "On trial": "À l’essai",
    "Active": "Actif",
    "Payment is late": "Paiement en retard",
    "Not paid": "Impayé",
    "Paused": "En pause",
    "Waiting for the first payment": "En attente du premier paiement",
    "The first payment never came": "Le premier paiement n’est jamais venu",
    "Ended": "Terminé",
    "being checked": "en cours de vérification",
    "confirmed": "confirmé",
    "not confirmed": "non confirmé",
    "can’t be checked": "invérifiable",
    "paid": "payé",
    "under way": "en cours",
    "failed": "échoué",
    "Confirm it": "Le confirmer",
    "Don’t confirm it": "Ne pas le confirmer",
    "Dispute it": "Le contester",
    "Your card was declined.": "Votre carte a été refusée.",
    "Your card has expired.": "Votre carte est expirée.",
    "Your card has insufficient funds.": "Le solde de votre carte est insuffisant.",
    "Your card's security code is incorrect.": "Le code de sécurité de votre carte est incorrect.",
    "Your card's security code is invalid.": "Le code de sécurité de votre carte n’est pas valable.",
    "Your card number is invalid.": "Le numéro de votre carte n’est pas valable.",
    "Your card's expiration date is invalid.": "La date d’expiration de votre carte n’est pas valable.",
    "Your card was declined. This is a stand-in: use a test card.": (
        "Votre carte a été refusée. Ceci est une doublure : employez une carte de test."
    ),
    "Your card was declined. This transaction requires authentication.": (
        "Votre carte a été refusée : cette transaction demande une authentification."
    ),
    "This is a stand-in: use a test account.": "Ceci est une doublure : employez un compte de test.",
    "This code is invalid.": "Ce code n’est pas valable.",
    "The payment failed.": "Le paiement a échoué.",
    "This customer has no attached payment source or default payment method.": "Ce client n’a aucun moyen de paiement.",
}


def en(text: str, **values: object) -> str:
    return text % values if values else text


def fr(text: str, **values: object) -> str:
    return en(FRENCH.get(text, text), **values)


def speaker(wanted: str) -> Callable[..., str]:
    """`en` or `fr`, by a locale or an Accept-Language header. Its name is the page's language."""
    first = wanted.strip().lower()[:2]
    return fr if first == "fr" or (first != "en" and "fr" in wanted.lower()[:20]) else en
