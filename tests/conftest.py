"""What the tests of the package share."""


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "compiled: left out where the kernels are interpreted, for its meaning or its time (test_coverage)"
    )
