"""The URLs of the tests' site; alone, since the checks of a project's code read what is beside its URLs."""
