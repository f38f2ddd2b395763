from shared_apps.kit.module import Module


class IntegratorsConfig(Module):
    name = "shared_apps.integrators"
    label = "integrators"
