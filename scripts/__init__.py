"""Programs for people who develop or run Smoall; nothing in the product imports them."""
