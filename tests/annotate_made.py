"""A small prepared page, what its annotators save, and the requests that they send."""

import http.client
import json
import threading
from contextlib import contextmanager

from scenes_made import HEIGHT_WIDTH, pixels, write_tiff

from ceruleanml.annotation.page_server import PageServer, open_page
from ceruleanml.annotation.prepare import prepare_page

CLASS = "old_vessel"


def make_page(folder, scenes=("a", "b"), **options):
    """A page of scenes 60 x 90 on 0.001 degrees from 10 E, 40 N, in `folder/page`."""
    from ceruleanml.annotation.options import PageOptions

    for seed, name in enumerate(scenes):
        write_tiff(folder / "in" / f"{name}.tif", pixels(seed, HEIGHT_WIDTH))
    prepare_page([str(folder / "in")], folder / "page", PageOptions(**options))
    return folder / "page"


def queue_of(page):
    """The queue of a page."""
    return json.loads((page / "data" / "queue.json").read_text())


def slick(place, annotator, scene_id="a", west=10.02, north=39.98, **properties):
    """A feature: a square of 10 pixels."""
    ring = [[west, north], [west + 0.01, north], [west + 0.01, north - 0.01], [west, north - 0.01], [west, north]]
    about = {"class": CLASS, "slick_id": f"{scene_id}/{annotator}/{place}", "annotator": annotator, "source": "drawn"}
    geometry = {"type": "MultiPolygon", "coordinates": [[ring]]}
    return {"type": "Feature", "properties": {**about, **properties}, "geometry": geometry}


def save(annotator="ann", scene_id="a", slicks=1, saved="2024-05-01T10:00:00Z", **members):
    """What the page sends."""
    features = [slick(place, annotator, scene_id, west=10.0 + 0.009 * place) for place in range(slicks)]
    head = {"type": "FeatureCollection", "scene_id": scene_id, "complete": True, "annotator": annotator}
    return {**head, "saved": saved, "page": 1, "tiles": {}, "rejected": [], "features": features, **members}


@contextmanager
def running(page, store, **options):
    """The page's server, answering."""
    with PageServer(open_page(page, store, **options)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=10)


def ask(server, method, path, body=None, token=None, **headers):
    """Status, headers and body of an answer; `path` is what follows the token."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, f"/{server.token if token is None else token}/{path}", body, names)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def post(server, collection, scene_id="a", **headers):
    """Status and JSON of the answer to a save."""
    body = collection if isinstance(collection, bytes) else json.dumps(collection).encode()
    headers = {"Content_Type": "application/json", **headers}
    status, _, content = ask(server, "POST", f"api/labels/{scene_id}", body, **headers)
    return status, json.loads(content)
