from shared_apps.kit.module import Module


class KitConfig(Module):
    name = "shared_apps.kit"
    label = "kit"

    def ready(self) -> None:
        from django.core.checks import register

        from shared_apps.kit import cookies

        register(cookies.register_is_unaltered)
