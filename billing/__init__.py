"""Plans, subscriptions, Smoall's own invoices and payments: nothing of it exists before the first paid plan."""
