"""What the tests of the package share."""


def pytest_configure(config):
    config.addinivalue_line("markers", "compiled: needs compiled kernels, or is too slow without (see test_coverage)")
