from shared_apps.kit.module import Module


class TeamConfig(Module):
    name = "tenant_apps.team"
    label = "team"
