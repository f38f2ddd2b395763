"""A stock django-tenants project: its settings and its two tables. Everything else in it is Smoall's own apps."""
