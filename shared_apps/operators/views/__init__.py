"""The pages of ops., a file for each entry of its menu. None reads a row of a workspace: there is no such address."""
