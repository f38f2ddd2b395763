"""The live checks, by what they look at. Each file's functions are marked with @check and the promises they prove."""
