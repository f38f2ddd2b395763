"""The promises of the privacy policy, in its order: the sentence, what keeps it, and what its check can't show.

The ids are for ever. What a promise's standing is follows from its looks and the clock, here and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.utils.translation import gettext_lazy as _

GOOD_FOR = timedelta(days=1)  # a look that is older proves nothing
AHEAD = timedelta(minutes=10)  # by which clocks may differ
Standing = Literal["kept", "broken", "stale", "unproven", "later", "tested"]
STANDINGS: tuple[Standing, ...] = (
    "broken",
    "stale",
    "unproven",
    "later",
    "tested",
    "kept",
)  # the worst first


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise. `arrives_with` names what has yet to come before all of it can be proven: until then never green.

    `untested` is the reason why no check looks at it on the running system.
    """

    id: str
    section: str  # of the policy: "1.1" to "10"
    sentence: Any
    kept_by: Any
    not_proven: Any
    arrives_with: Literal["", "backups"] = ""
    untested: Any = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The last result of one check."""

    result: Literal["kept", "broken", "unknown"]
    at: datetime


def standing(promise: Promise, looks: Mapping[str, Look | None], now: datetime) -> Standing:
    """`looks`: the last look of each of its checks, None where nobody has looked yet.

    broken    a check has found a breach, whenever that was
    later     something has to arrive before all of it can be proven
    tested    no check can look at it while the system runs: the suite alone does
    unproven  nobody has looked, or a look could not see enough
    stale     a look is older than a day, or says that it is yet to come
    """
    found = [look for look in looks.values() if look]
    if any(look.result == "broken" for look in found):
        return "broken"
    if promise.arrives_with:
        return "later"
    if not looks:
        return "tested"
    if len(found) < len(looks) or any(look.result != "kept" for look in found):
        return "unproven"
    if any(not now - GOOD_FOR <= look.at <= now + AHEAD for look in found):
        return "stale"
    return "kept"


SECTIONS: Mapping[str, Any] = {
    "1.1": _("What you give us"),
    "1.2": _("What use leaves behind"),
    "1.3": _("Payments"),
    "2": _("What it is used for"),
    "3": _("How it is protected"),
    "4": _("With whom it may be shared"),
    "5": _("With whom it is not shared"),
    "6": _("How long it is kept"),
    "7": _("To see, correct and erase it"),
    "8": _("When the policy changes"),
    "9": _("Terms of use"),
    "10": _("How to reach us"),
}

PROMISES: tuple[Promise, ...] = (
    Promise(
        "P01",
        "1.1",
        _("The website collects nothing about a visitor."),
        _(
            "Its pages run without a session and can’t read or write a row; whatever they show "
            "comes from our own server; no log has addresses."
        ),
        _(
            "That the proxy in front of the server keeps no log, and what an internet provider "
            "sees on the way."
        ),
    ),
    Promise(
        "P02",
        "1.1",
        _("Contact details come from sign-up and from the registration of users, from nowhere else."),
        _(
            "One register names everything that is held: each table, folder and queue, with its "
            "reason and its time."
        ),
        _("What people write into free text, where it may be about anybody."),
    ),
    Promise(
        "P03",
        "1.1",
        _("What users enter is kept."),
        _(
            "Input is checked before it is stored, and refused with a reason rather than "
            "shortened; an import is stored whole or not at all."
        ),
        _(
            "That what was entered is what was meant, and that nothing was lost on its way into the database, which the test "
            "suite shows by writing and reading back. Of many workspaces forty are read at a time, of each what changed last."
        ),
    ),
    Promise(
        "P04",
        "1.2",
        _("The time of each sign-in is kept."),
        _("A session and its line in the ledger of sign-ins are written in one transaction."),
        _("That the person at the keyboard is the one whose password was typed."),
    ),
    Promise(
        "P05",
        "1.2",
        _("The time of each sign-out is kept."),
        _(
            "The line of the ledger is closed with its cause, whether somebody signs out, is "
            "signed out, or stays away."
        ),
        _("When somebody walked away from a screen that was left open."),
    ),
    Promise(
        "P06",
        "1.2",
        _("The history of every change is kept."),
        _(
            "The database writes it, by triggers on every table with a history; the program "
            "itself may only read it."
        ),
        _("That nobody with the database’s administrator password has altered it."),
    ),
    Promise(
        "P07",
        "1.2",
        _("Every change is tied to its author."),
        _(
            "The database refuses a change that nobody signs: a person, a named job, or an "
            "operator with whom they act for."
        ),
        _("That nobody lent a colleague their password."),
    ),
    Promise(
        "P08",
        "1.2",
        _("Cookies serve your convenience alone."),
        _("One register lists every cookie; the program strips any other before an answer leaves."),
        _("Cookies that a browser extension or a network adds."),
    ),
    Promise(
        "P09",
        "1.2",
        _(
            "The language is all that is stored in a cookie; the application adds one that keeps "
            "you signed in."
        ),
        _(
            "The website sets a cookie only when a language is chosen; the application’s holds a "
            "random number, for its own host alone, out of reach of scripts."
        ),
        _("What a browser does with the cookie afterwards."),
    ),
    Promise(
        "P10",
        "1.2",
        _("Cookies may be added, and then it is said."),
        _("The page about cookies is made from the register that the program enforces."),
        _("That everybody reads the page."),
    ),
    Promise(
        "P11",
        "1.2",
        _("Search engines are asked to keep no copy."),
        _(
            "Each answer says so in its headers; the application’s pages also say that they must "
            "not be found or stored."
        ),
        _("That search engines do as they are asked."),
    ),
    Promise(
        "P12",
        "1.2",
        _("Nothing about where users are is kept."),
        _(
            "No table has a column for addresses or places, logs leave them out, pictures are "
            "written anew without what cameras add."
        ),
        _(
            "What users write themselves, and logs outside our own folder, such as the database "
            "server’s or the proxy’s."
        ),
    ),
    Promise(
        "P13",
        "1.3",
        _("What Smoall invoices to its clients is kept."),
        _(
            "Issued invoices are rows that the database neither alters nor deletes for ten years, "
            "whoever asks, numbered without a gap; each contains the digest of the one before it."
        ),
        _("What the server’s own administrator does, who can take the walls away: then the digests tell."),
    ),
    Promise(
        "P14",
        "1.3",
        _("The bank transactions of clients’ payments are kept."),
        _(
            "Each payment, refund, dispute and payout is kept, and every night compared with the payment "
            "operator’s account and with our invoices, to the cent."
        ),
        _("Money that reaches the bank account without the payment operator."),
    ),
    Promise(
        "P15",
        "1.3",
        _("Smoall has no access to the details of payment cards."),
        _(
            "Cards are typed on the payment operator’s own pages alone; of its messages the "
            "fields we need are kept, never the whole."
        ),
        _("What somebody types of a card into a field that is meant for something else."),
    ),
    Promise(
        "P16",
        "1.3",
        _("The payment operator alone holds the card."),
        _(
            "Our processes connect to our own servers and to verified partners; every other "
            "connection is refused and counted."
        ),
        _("What the payment operator does, and programs other than ours on the same machine."),
    ),
    Promise(
        "P17",
        "2",
        _("Information is used to give the service."),
        _("Each job and each mail names its purpose; one that no module declares is refused."),
        _("That a declared purpose is a good one: read the register."),
    ),
    Promise(
        "P18",
        "2",
        _("Information is used to maintain, protect and improve the service."),
        _(
            "Our people see a client’s data only under a grant; a copy of this system opens nowhere else before "
            "everybody’s details in it were replaced by made-up ones."
        ),
        _("What somebody does with a copy outside of this program, which then refuses nothing."),
    ),
    Promise(
        "P19",
        "2",
        _("Information is used to invoice."),
        _(
            "The role that works in the shared tables, and that invoices, has no right on a "
            "workspace’s tables; a workspace tells one number, how many people it has."
        ),
        _("That the number of people is right: the workspace counts them itself."),
    ),
    Promise(
        "P20",
        "2",
        _("Mail of general information goes to nobody who refuses it."),
        _(
            "One outbox asks again when a mail leaves whether its address refuses it, was erased,"
            " or sent mails back."
        ),
        _("Copies that mail servers keep on the way."),
    ),
    Promise(
        "P21",
        "3",
        _("Information is protected to the industry’s standard."),
        _(
            "Every page says who may open it and all others are refused; the framework’s own "
            "checks for deployments must be clean."
        ),
        _("That no weakness is left which nobody has found yet."),
    ),
    Promise(
        "P22",
        "3",
        _("Smoall’s team is bound to confidentiality."),
        _(
            "An operator works with the confidentiality text signed and a second factor, and "
            "enters a client’s data only under a grant that ends by itself."
        ),
        _("What somebody remembers of what they were allowed to see."),
    ),
    Promise(
        "P23",
        "3",
        _("Clients control who of theirs has access."),
        _("Roles and sessions are looked at with every request, so that what is withdrawn counts at once."),
        _("That clients give rights to the right people."),
    ),
    Promise(
        "P24",
        "3",
        _("Everything travels by https."),
        _("Plain requests are sent to https, browsers are told to stay there, and cookies go nowhere else."),
        _("The certificate and the handshake of the proxy in front: try them from outside."),
    ),
    Promise(
        "P25",
        "3",
        _("Payment details travel encrypted."),
        _(
            "Pages may load from and send to our own hosts alone; the payment operator’s pages, "
            "to which forms lead on, are the one exception."
        ),
        _("The payment operator’s own pages."),
    ),
    Promise(
        "P26",
        "3",
        _("Every backup that leaves our servers is encrypted."),
        _(
            "A copy is encrypted to its recipient before its first byte is written; each "
            "workspace has a key of its own."
        ),
        _("Backups to other places, which do not exist yet."),
        arrives_with="backups",
    ),
    Promise(
        "P27",
        "3",
        _("Our servers have a firewall."),
        _(
            "The deployment that we ship opens ports 80 and 443 and no other; the database stands"
            " on a network without a way out."
        ),
        _(
            "How a particular machine was set up, and what a stranger reaches of it: a server can’t see itself from outside. "
            "Scan its ports from elsewhere."
        ),
    ),
    Promise(
        "P28",
        "3",
        _("Information is kept several times, inside and outside our servers."),
        _("Two copies inside and one outside, whose age will be watched."),
        _("Anything: these copies do not exist yet."),
        arrives_with="backups",
    ),
    Promise(
        "P29",
        "3",
        _("Clients can take their own copies."),
        _("A workspace’s owner takes a complete copy at any time, and verifies it without us."),
        _(
            "Copies pushed to a place of the client’s own, which do not exist yet; and that a "
            "copy can be restored, which the test suite shows."
        ),
        arrives_with="backups",
    ),
    Promise(
        "P30",
        "4",
        _("A client’s contact details may go to the integrator it works with."),
        _(
            "A link that both sides have agreed to, asked for at every request, opens the contact"
            " details and nothing else."
        ),
        _("What an integrator does with what it has seen."),
    ),
    Promise(
        "P31",
        "4",
        _("A partner gets something only after its privacy policy was verified."),
        _(
            "The database refuses to record anything for a partner whose policy nobody has read "
            "within twelve months; connections to it are refused too."
        ),
        _("That the partner does as its policy says."),
    ),
    Promise(
        "P32",
        "4",
        _("A court can order that something is disclosed."),
        _(
            "An order needs two operators, gives what it names and no more, leaves a signed "
            "record, and is told to the client as soon as that is allowed."
        ),
        _("That an order was lawful."),
    ),
    Promise(
        "P33",
        "5",
        _("Nothing is sold or passed on for commercial ends."),
        _(
            "No purpose in the register is one; pages fetch nothing from elsewhere; processes "
            "connect to known places alone."
        ),
        _("What somebody with a screen could copy by hand."),
    ),
    Promise(
        "P34",
        "6",
        _("Information is kept for as long as a client uses Smoall."),
        _("Nothing is erased without a notice or an instruction, however long nobody signs in or pays."),
        _("Fire and flood: see the promise about copies."),
    ),
    Promise(
        "P35",
        "6",
        _("After a notice, data is kept for three months."),
        _(
            "The last day is fixed with the notice, in calendar months of Brussels; on the day "
            "after, the data is erased."
        ),
        _("Physical traces on disks, which are gone seven days later at the latest."),
    ),
    Promise(
        "P36",
        "6",
        _("After a notice, contact details are kept for twelve months."),
        _("They have a day of their own and are erased apart, out of the history too."),
        _("What the law makes us keep on issued invoices, for ten years."),
    ),
    Promise(
        "P37",
        "6",
        _("A client may choose other days, earlier or later."),
        _("Each instruction is a row of its own; a day that is in force and was not promised has one."),
        _("What somebody said and did not write."),
    ),
    Promise(
        "P38",
        "7",
        _("A client can see its data and contact details."),
        _("The page about what is held is made from the register that all tables must stand in."),
        _("That somebody reads it."),
    ),
    Promise(
        "P39",
        "7",
        _("A client can change its data and contact details."),
        _(
            "Contact details and data are changed where they are shown, each change enters the history, and those of contact "
            "details go on to the payment operator."
        ),
        _(
            "That a change is stored as it was typed: looking would mean to change a client’s details, so the test suite "
            "does, field by field. Nor what the payment operator does with what it was told."
        ),
    ),
    Promise(
        "P40",
        "7",
        _("A client can have its data and contact details erased at any time."),
        _(
            "One erasure that goes on wherever it was interrupted, a signed certificate, and a "
            "ledger outside the database that is applied again after any restore."
        ),
        _(
            "Disks that were copied behind our back; physical traces, until the day printed on "
            "the certificate."
        ),
    ),
    Promise(
        "P41",
        "8",
        _("Every new version of the privacy policy is on the website."),
        _("Versions are dated and never altered; each shows its digest, and all stay readable."),
        _("That a translation says the same as the French text, which counts."),
    ),
    Promise(
        "P42",
        "8",
        _("Only a change in how contact details are used is mailed, once to each client, with a way out."),
        _(
            "Whoever publishes says whether it is one; each client has one mail for each such "
            "change, and its refusal is kept."
        ),
        _("That the mail was read."),
    ),
    Promise(
        "P43",
        "9",
        _("The terms of use alone are the contract."),
        _("What was accepted is kept with its version, its digest and the moment, and never altered."),
        _("That they were read before they were accepted."),
    ),
    Promise(
        "P44",
        "10",
        _("We can be reached by mail and by post."),
        _("Both addresses are on the website; requests stand in a register with a month to answer."),
        _("That an answer satisfies."),
    ),
)

BY_ID: Mapping[str, Promise] = {promise.id: promise for promise in PROMISES}
