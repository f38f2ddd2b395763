from shared_apps.kit.module import Module


class ContactsConfig(Module):
    name = "tenant_apps.contacts"
    label = "contacts"
