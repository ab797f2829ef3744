"""What an endpoint does to a store: errors that pass are survived, others end in one sentence, nothing half is seen."""

import os
import socket

import pytest

from explorer.errors import StoreError
from explorer.store import StoreWriter, addresses, open_store
from explorer.store.files import Files
from tests.store.parts import outcomes, sparse


@pytest.fixture
def writer(place):
    made = StoreWriter(place)
    made.create()
    return made


@pytest.mark.parametrize("how", ["503", "reset"])
def test_errors_that_pass_lose_nothing(writer, s3, place, how):
    s3.reset_counts()
    for kind in ("PUT", "LIST", "GET", "HEAD"):
        s3.fail(2, kind, how)
        writer.publish(kind, outcomes([sparse(seed=len(kind))], kind))
        assert len(open_store(place).keys()) > 0
    assert open_store(place).keys() == {sparse(seed=n).key for n in (3, 4)}
    assert s3.counts()["PUT"] == 4 + 2


def test_a_small_object_is_one_request(writer, s3):
    s3.reset_counts()
    writer.publish("a", outcomes([sparse()], "a"))
    assert s3.counts() == {"PUT": 1}


def test_a_large_upload_that_fails_shows_nothing_and_can_be_repeated(s3, place, monkeypatch):
    monkeypatch.setattr(addresses, "ATTEMPTS", 2)
    files, content = Files(place), os.urandom(25 * 2**20)
    s3.fail(1000, "PUT")
    with pytest.raises(StoreError, match="could not be written"):
        files.publish("cells/large.parquet", content)
    s3.fail(0)
    assert s3.counts()["POST"] > 0  # it was an upload of several parts
    assert files.listing("cells", ".parquet") == []
    files.publish("cells/large.parquet", content)
    assert files.read(files.path("cells/large.parquet")) == content


def test_a_refused_write_is_one_sentence_and_leaves_what_was_there(writer, s3, place):
    writer.publish("a", outcomes([sparse(1)], "a"))
    s3.deny("PUT")
    with pytest.raises(StoreError, match=r"could not be written.*ACCESS_DENIED"):
        writer.publish("b", outcomes([sparse(2)], "b"))
    s3.deny("")
    assert open_store(place).keys() == {sparse(1).key}


@pytest.mark.parametrize("kind", ["HEAD", "LIST", "GET"])
def test_a_refused_read_names_the_file_and_the_credentials(writer, s3, place, kind):
    writer.publish("a", outcomes([sparse(1)], "a"))
    s3.deny(kind)
    with pytest.raises(StoreError, match=r"could not be .*credentials") as caught:
        open_store(place).keys()
    assert "Delete it" not in str(caught.value)


def test_missing_credentials_are_named(writer, place, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match=r"ACCESS_DENIED.*expected an endpoint that answers and credentials"):
        open_store(place)


def test_a_missing_bucket_is_named(s3):
    with pytest.raises(StoreError, match="there is no bucket nowhere; expected one that exists"):
        open_store(s3.uri("nowhere/study"))
    with pytest.raises(StoreError, match=r"could not be written.*NO_SUCH_BUCKET"):
        StoreWriter(s3.uri("nowhere/study")).create()


def test_an_endpoint_that_is_down_is_one_sentence(s3, monkeypatch):
    monkeypatch.setattr(addresses, "ATTEMPTS", 3)
    with socket.socket() as taken:  # a port at which nobody listens
        taken.bind(("127.0.0.1", 0))
        uri = f"s3://studies/a?scheme=http&endpoint_override=127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StoreError, match=r"could not be looked for.*connect.*expected an endpoint that answers"):
            open_store(uri)


def test_a_store_whose_endpoint_goes_down_does_not_call_its_files_damaged(writer, s3, place, monkeypatch):
    monkeypatch.setattr(addresses, "ATTEMPTS", 2)
    writer.publish("a", outcomes([sparse(1)], "a"))
    store = open_store(place)
    s3.fail(10**6)
    with pytest.raises(StoreError, match="expected an endpoint that answers") as caught:
        store.keys()
    assert "Delete it" not in str(caught.value)
