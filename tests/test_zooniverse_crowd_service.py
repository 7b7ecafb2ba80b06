"""Uploads and exports through Zooniverse's real client, against a stand-in on 127.0.0.1 that speaks its protocol."""

import csv
import json
import subprocess
import sys
import time

import panoptes_client.exportable
import pytest
from crowd_made import classification, polygon, subject_of, write_crowd_page, write_export
from panoptes_made import NAME, PASSWORD, panoptes

from ceruleanml.annotation import zooniverse_client
from ceruleanml.annotation.zooniverse_client import Journal, download_export, upload_page
from ceruleanml.annotation.zooniverse_import import CrowdRules, import_export
from ceruleanml.annotation.zooniverse_subjects import picture_of, subjects_of
from ceruleanml.errors import StorageError, UsageError

WINDOWS = [[0, 32 * number, 32, 32] for number in range(7)]


@pytest.fixture
def service(monkeypatch):
    """The stand-in, to which the client's own variables lead; what the client sleeps between tries is left out."""
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(zooniverse_client, "LINKED_AT_ONCE", 3)
    with panoptes() as running:
        monkeypatch.setenv("PANOPTES_ENDPOINT", running.address)
        monkeypatch.setenv("PANOPTES_USERNAME", NAME)
        monkeypatch.setenv("PANOPTES_PASSWORD", PASSWORD)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


@pytest.fixture
def page(tmp_path):
    return write_crowd_page(tmp_path / "page", windows=WINDOWS)


def items(service, set_id="100"):
    return [one["metadata"]["#item_id"] for one in service.set_members(set_id)]


def test_the_queue_becomes_subjects_with_pictures_and_metadata(service, page):
    report = upload_page(page, 12, "queue 1")
    assert (report.subject_set, report.sent, report.there) == ("100", 7, 0)
    assert service.sets["100"]["display_name"] == "queue 1"
    assert items(service) == [subject.id for subject in subjects_of(page)]
    for sent, subject in zip(service.set_members("100"), subjects_of(page), strict=True):
        assert sent["metadata"] == subject.metadata
        assert sent["links"]["project"] in (12, "12")
        assert service.media[f"{sent['id']}_0"] == ("image/png", picture_of(page, subject)[0])


def test_what_is_there_is_not_sent_again(service, page):
    upload_page(page, 12, "queue 1")
    before = dict(service.requests)
    again = upload_page(page, 12, "queue 1")
    assert (again.sent, again.there) == (0, 7)
    assert service.requests["POST /api/subjects"] == before["POST /api/subjects"] == 7
    assert len(service.sets) == 1
    for path in page.glob(".zooniverse_*"):
        path.unlink()
    assert upload_page(page, 12, "queue 1").sent == 0


def test_an_interrupted_upload_goes_on_and_doubles_nothing(service, page):
    service.refuse_links = 1
    with pytest.raises(StorageError, match="no links today"):
        upload_page(page, 12, "queue 1")
    assert items(service) == []
    report = upload_page(page, 12, "queue 1")
    assert (report.sent, len(service.subjects)) == (7, 7)
    assert sorted(items(service)) == sorted(subject.id for subject in subjects_of(page))


def test_a_picture_that_does_not_arrive_is_no_subject_of_the_set(service, page):
    service.refuse_media = 5
    with pytest.raises(StorageError, match="picture was not taken"):
        upload_page(page, 12, "queue 1")
    assert items(service) == []
    upload_page(page, 12, "queue 1")
    shown = {f"{one['id']}_0" for one in service.set_members("100")}
    assert len(shown) == 7
    assert shown <= set(service.media)


def test_a_killed_upload_goes_on(service, page, tmp_path):
    """The process ends at once after its third subject; what it sent is in the journal."""
    code = (
        "import os, sys; from pathlib import Path; from ceruleanml.annotation import zooniverse_client as z\n"
        "add = z.Journal.add\n"
        "def last(self, item, subject):\n    add(self, item, subject)\n    if len(self._sent) == 2: os._exit(9)\n"
        "z.Journal.add = last; z.upload_page(Path(sys.argv[1]), 12, 'queue 1')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, page], timeout=60, capture_output=True)
    assert ended.returncode == 9
    assert (len(service.subjects), items(service)) == (2, [])
    upload_page(page, 12, "queue 1")
    assert len(service.subjects) == 7
    assert sorted(items(service)) == sorted(subject.id for subject in subjects_of(page))


def test_a_second_set_takes_its_own_subjects(service, page):
    upload_page(page, 12, "queue 1")
    assert upload_page(page, 12, "queue 2").subject_set == "101"
    assert items(service, "100") == items(service, "101")


def test_the_journal_outlives_a_torn_line(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    journal.add("a", "1")
    with (tmp_path / "j.jsonl").open("a") as file:
        file.write('{"item": "b", "su')
    journal = Journal(tmp_path / "j.jsonl")
    assert (journal["a"], journal["b"]) == ("1", None)
    journal.add("c", "3")
    assert [Journal(tmp_path / "j.jsonl")[name] for name in "abc"] == ["1", None, "3"]


def test_the_export_is_asked_for_awaited_and_fetched(service, tmp_path):
    service.export = b"a,b\n1,2\n" * 10_000
    assert download_export(12, tmp_path / "out" / "export.csv") == len(service.export)
    assert (tmp_path / "out" / "export.csv").read_bytes() == service.export
    assert service.asked == 1
    download_export(12, tmp_path / "latest.csv", latest=True)
    assert service.asked == 1


def test_an_export_that_does_not_come_leaves_what_was_there(service, tmp_path, monkeypatch):
    (tmp_path / "export.csv").write_text("old")
    with pytest.raises(StorageError, match="404"):
        download_export(12, tmp_path / "export.csv")
    service.pending = 10**6
    monkeypatch.setattr(panoptes_client.exportable.Exportable, "generate_export", lambda self, kind: None)
    with pytest.raises(StorageError, match="not ready within"):
        download_export(12, tmp_path / "export.csv", wait_s=0.05)
    assert (tmp_path / "export.csv").read_text() == "old"


def test_the_whole_way_from_queue_to_store(service, page, tmp_path):
    upload_page(page, 12, "queue 1")
    drawn = [classification(subject_of(page, 2), name, [polygon(4, 5, 10, 12)]) for name in "abc"]
    sent = next(one for one in service.subjects.values() if one["metadata"]["#order"] == "2")
    for row in drawn:
        row["subject_data"] = json.dumps({sent["id"]: {"retired": None, **sent["metadata"]}})
    service.export = write_export(tmp_path / "server.csv", drawn).read_bytes()
    download_export(12, tmp_path / "export.csv")
    report = import_export(tmp_path / "export.csv", page, tmp_path / "store", CrowdRules(votes=3), tmp_path / "v.csv")
    assert (report.decided, report.slicks) == (1, 1)
    assert next(csv.DictReader((tmp_path / "v.csv").read_text().splitlines()))["k"] == "3"


def test_client_credentials_will_do(service, page, monkeypatch):
    monkeypatch.delenv("PANOPTES_USERNAME")
    monkeypatch.setenv("PANOPTES_CLIENT_ID", "id")
    monkeypatch.setenv("PANOPTES_CLIENT_SECRET", PASSWORD)
    assert upload_page(page, 12, "queue 1").sent == 7


@pytest.mark.parametrize(
    ("variables", "project", "error", "message"),
    [
        ({"PANOPTES_PASSWORD": "wrong"}, 12, StorageError, "Invalid email or password"),
        ({"PANOPTES_PASSWORD": ""}, 12, UsageError, "needs credentials"),
        ({}, 13, StorageError, "Could not find project"),
        ({"PANOPTES_ENDPOINT": "http://127.0.0.1:9"}, 12, StorageError, "127.0.0.1:9"),
    ],
)
def test_what_the_service_refuses_is_one_sentence(service, page, monkeypatch, variables, project, error, message):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error, match=message) as raised:
        upload_page(page, project, "queue 1")
    assert "\n" not in str(raised.value)
    assert service.subjects == {}


def test_without_the_client_the_extra_is_named(page, monkeypatch):
    monkeypatch.setitem(sys.modules, "panoptes_client", None)
    with pytest.raises(UsageError, match=r"ceruleanml\[zooniverse\]"):
        upload_page(page, 12, "queue 1")
