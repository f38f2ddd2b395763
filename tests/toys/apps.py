from shared_apps.kit.module import Module, Purpose


class ToysConfig(Module):
    name = "tests.toys"
    label = "toys"
    purposes = {
        "toys.play": Purpose("To test jobs", mail="transactional"),
        "toys.work": "To test jobs that send nothing",
        "toys.write": Purpose("To test mails", mail="service"),
        "toys.reset": Purpose("To test mails that somebody asked for", mail="transactional"),
        "toys.news": Purpose("To test general information", mail="information"),
        "toys.policy": Purpose("To test the opt-out of a policy change", mail="policy"),
    }

    def ready(self) -> None:
        from tests.toys import saga  # noqa: F401
