from shared_apps.kit.module import Module


class OperatorsConfig(Module):
    name = "shared_apps.operators"
    label = "operators"
