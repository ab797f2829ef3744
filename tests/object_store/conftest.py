"""One S3 endpoint on loopback for all tests of object stores; a bucket prefix of its own for each."""

import os

import pytest

from tests.object_store.server import s3_server


@pytest.fixture(scope="session")
def endpoint():
    """The endpoint, its credentials in the environment of this process and of those that it starts."""
    pytest.importorskip("moto", reason="the endpoint is moto, of the extra `test`")
    with s3_server() as server, pytest.MonkeyPatch.context() as patched:
        for name, value in server.environment.items():
            patched.setenv(name, value)
        server.make_bucket("studies")
        yield server


@pytest.fixture
def s3(endpoint):
    """The endpoint, none of whose requests has been counted, and none of which will fail."""
    endpoint.fail(0)
    endpoint.deny("")
    endpoint.reset_counts()
    return endpoint


@pytest.fixture
def place(s3, request):
    """The URI of a prefix that no other test uses."""
    return s3.uri(f"studies/{abs(hash(request.node.nodeid)):x}-{os.getpid()}")
