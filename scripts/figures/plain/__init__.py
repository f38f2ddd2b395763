"""Plain Django: Smoall's tenant apps in one schema, without any tenancy. What a request is compared with."""
