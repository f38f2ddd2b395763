"""The pages about a workspace: on its own host, on `app.`, and the one that is left of it while it is erased."""
