"""What the bucket or Google's login refuse ends a mirror, in one line that says what to do."""

import gc
import json

import pytest
from bucket_made import proxied, write_files

from ceruleanml import storage_bucket
from ceruleanml.errors import StorageError, WriteError
from ceruleanml.mirror import mirror

# The client lets go of a download that is refused without closing its connection.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def let_go():
    """Such connections are collected here, where they are known, not in whatever test comes later."""
    yield
    gc.collect()


@pytest.fixture
def proxy(bucket, monkeypatch):
    with proxied(bucket) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.endpoint)
        yield proxy


@pytest.fixture
def here(tmp_path):
    return write_files(tmp_path / "here", {"a": b"a", "b": b"b"})


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "gs://b/x: no credentials for Google Cloud; log in with `gcloud auth application-default login`"),
        (403, "gs://b/x: you have no permission there; ask for roles/storage.object(User|Viewer) on the bucket b"),
        (404, "gs://b/x: there is no bucket b, or it is hidden from you; check the name"),
    ],
)
@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("lists", [True, False])
def test_a_refusal_is_one_line_with_the_mend(bucket, proxy, here, tmp_path, status, message, up, lists):
    bucket.put("x/other", b"o")
    listing = lists and status != 404  # without its bucket nothing is listed
    proxy.refuse = lambda asked: None if listing and asked.method == "GET" and not asked.is_media else status
    two = (str(here), "gs://b/x") if up else ("gs://b/x", str(tmp_path / "down"))
    with pytest.raises(WriteError if up else StorageError, match=message) as refused:
        mirror(*two)
    assert "\n" not in str(refused.value)


def test_credentials_that_the_bucket_does_not_know():
    from google.api_core.exceptions import Unauthorized

    message = "gs://b/x: the credentials are not accepted; log in with `gcloud auth application-default login` .401 who"
    with pytest.raises(StorageError, match=message), storage_bucket.told("gs://b/x", "read"):
        raise Unauthorized("who\nare you")


def test_a_bucket_that_is_not_there(proxy, here):
    with pytest.raises(WriteError, match="gs://none/x: there is no bucket none"):
        mirror(str(here), "gs://none/x")


def test_an_object_that_is_not_there_is_no_bucket_that_is_not(bucket):
    with (
        pytest.raises(StorageError, match="gs://b/x: an object there is gone meanwhile; run it again .404"),
        storage_bucket.open_place("gs://b/x", "read") as place,
    ):
        place.blob("none").download_as_bytes()


def test_a_server_that_does_not_answer(proxy, here, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr(storage_bucket, "PATIENCE_S", 0.1)
    with pytest.raises(WriteError, match="gs://b/x: cannot be written, run it again later: "):
        mirror(str(here), "gs://b/x")


def test_without_credentials_the_way_to_them_is_told(here, tmp_path, monkeypatch):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(WriteError, match="no credentials for Google Cloud; log in with `gcloud auth application-def"):
        mirror(str(here), "gs://b/x")


def test_wrong_credentials_are_told(proxy, here, tmp_path, monkeypatch):
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(65_537, 2_048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account = {
        "type": "service_account", "client_email": "nobody@example.org", "private_key": key.decode(),
        "private_key_id": "1", "client_id": "1", "project_id": "p", "token_uri": f"{proxy.endpoint}/token",
    }  # fmt: skip
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    proxy.refuse = lambda asked: 400
    with pytest.raises(WriteError, match="gs://b/x: Google Cloud does not accept the credentials; log in with") as told:
        mirror(str(here), "gs://b/x")
    assert "PRIVATE" not in str(told.value) and "\n" not in str(told.value)
