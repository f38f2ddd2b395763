from shared_apps.kit.module import Module


class LegalConfig(Module):
    name = "shared_apps.legal"
    label = "legal"
