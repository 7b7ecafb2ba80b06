"""A machine that appends states to a label store in a bucket, for tests: python appending_child.py STORE WHO COUNT."""

import sys
from datetime import UTC, datetime, timedelta

from label_states import save

from ceruleanml.labels.bucket import bucket_store
from ceruleanml.labels.store import append_state

NOON = datetime(2021, 1, 1, 12, tzinfo=UTC)


def main():
    location, machine, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    store = bucket_store(location)
    store.synced()
    for number in range(count):  # the same names everywhere, as one person has who works on two machines
        content = save(annotator="ann", comment=f"{machine} {number}")
        append_state(store.root, "s", content, "ann", NOON + timedelta(seconds=number))
        store.synced("s")


if __name__ == "__main__":
    main()
