from shared_apps.kit.module import Module


class KitConfig(Module):
    name = "shared_apps.kit"
    label = "kit"
