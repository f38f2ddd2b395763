from shared_apps import mail
from shared_apps.mail.models import Message


@mail.check
def is_wanted(message: Message) -> bool:
    return "unwanted" not in message.headers.get("X-Toy", "")


def not_marked(message: Message) -> bool:
    return True
