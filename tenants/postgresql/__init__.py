"""Django's PostgreSQL backend with the scope of `kit.scope` put in front of every statement."""
