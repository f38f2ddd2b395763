from shared_apps.kit.module import Module


class WebsiteConfig(Module):
    name = "shared_apps.website"
    label = "website"
