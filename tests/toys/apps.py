from shared_apps.kit.module import Module


class ToysConfig(Module):
    name = "tests.toys"
    label = "toys"
    purposes = {"toys.play": "To test jobs", "toys.write": "To test mails"}

    def ready(self) -> None:
        from tests.toys import saga  # noqa: F401
