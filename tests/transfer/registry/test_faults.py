"""Registries that break, lie or never end: what was asked for comes whole, or there is one clear error and nothing of it stays."""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
import time
import zlib
from collections.abc import Callable

import pytest

from dockerlab.errors import DockerlabError, NotInRegistryError, RateLimitError, RegistryError, UnreachableRegistryError
from dockerlab.oci import Reference
from dockerlab.store import Store
from dockerlab.transfer.registry import Registry, pull
from dockerlab.transfer.registry.endpoints import endpoint_of
from tests.transfer.registry.faults import INDEX, LAYER, FaultyRegistry, Handler, Image, digest, image_of


def registry_of(faulty: FaultyRegistry) -> Registry:
    return Registry(endpoint_of(faulty.host), "lab/thing")


def pulled(store: Store, faulty: FaultyRegistry, tag: str = "1", platform: str = "linux/amd64") -> str:
    """The ID of what came."""
    reference = Reference.parse(f"{faulty.host}/lab/thing{'@' if ':' in tag else ':'}{tag}")
    registry = registry_of(faulty)
    try:
        for _ in pull(store, registry, reference, platform):
            pass
    finally:
        registry.close()
    return str(store.images.named(reference))


def refused(store: Store, faulty: FaultyRegistry, kind: type[DockerlabError], words: str, **how: str) -> DockerlabError:
    """The pull ends with this error, and no image, no name and nothing half done is there."""
    with pytest.raises(kind, match=words) as caught:
        pulled(store, faulty, **how)
    assert store.images.ids() == [] and store.images.all_names() == {} and os.listdir(store.home / "tmp") == []
    for diff_id in store.layers.all(whole=False):
        store.layers.get(diff_id)
    return caught.value


def once(how: Callable[[Handler], object], times: int = 1) -> Callable[[Handler], bool]:
    """Do it so many times, and then what is right."""
    left = [times]

    def spoil(handler: Handler) -> bool:
        left[0] -= 1
        if left[0] < 0:
            return False
        how(handler)
        return True

    return spoil


def large(image: Image) -> str:
    """The path of its larger layer."""
    return f"/blobs/{digest(image.blobs[1])}"


def test_a_transfer_that_breaks_goes_on_where_it_stood(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    half = len(image.blobs[1]) // 2
    faulty.spoil(large(image), once(lambda handler: handler.broken(image.blobs[1], half)))
    assert pulled(store, faulty) == image.id
    assert [headers.get("Range") for headers in faulty.requests(large(image))] == [None, f"bytes={half}-"]


def test_a_registry_that_knows_no_ranges_sends_it_again(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    faulty.spoil(large(image), once(lambda handler: handler.broken(image.blobs[1], 5000)))
    faulty.spoil(large(image), once(lambda handler: handler.answer(200, image.blobs[1])))
    assert pulled(store, faulty) == image.id


def test_a_registry_that_goes_on_elsewhere_is_found_out(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    faulty.spoil(large(image), once(lambda handler: handler.broken(image.blobs[1], 5000)))
    faulty.spoil(large(image), lambda handler: bool(handler.answer(206, image.blobs[1][:100], Content_Range="bytes 0-99/100")) or True)
    refused(store, faulty, RegistryError, "another part of it")


def test_a_registry_that_dies_and_is_back_is_waited_for(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    faulty.spoil("/manifests/", once(lambda handler: handler.error(503, "UNAVAILABLE", "starting"), 2))
    faulty.spoil(large(image), once(lambda handler: handler.error(502, "X", "y")))
    assert pulled(store, faulty) == image.id


def test_a_registry_that_stays_broken_is_given_up(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    faulty.spoil(large(image), lambda handler: handler.broken(image.blobs[1], 10))
    refused(store, faulty, UnreachableRegistryError, "blobs/sha256")
    assert len(faulty.requests(large(image))) == 5
    faulty.spoils[0] = (faulty.spoils[0][0], lambda handler: handler.error(500, "UNKNOWN", "unknown error"))
    refused(store, faulty, RegistryError, "unknown: unknown error")


def test_layers_that_had_arrived_are_not_fetched_again(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    faulty.spoil(large(image), lambda handler: handler.broken(image.blobs[1], 10))
    refused(store, faulty, UnreachableRegistryError, "blobs/sha256")
    faulty.spoils.clear()
    first = f"/blobs/{digest(image.blobs[0])}"
    before = len(faulty.requests(first))
    assert pulled(store, faulty) == image.id and len(faulty.requests(first)) == before == 1


def test_what_is_left_of_a_pull_that_failed_is_swept(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    faulty.spoil(large(image), lambda handler: handler.broken(image.blobs[1], 10))
    refused(store, faulty, UnreachableRegistryError, "blobs/sha256")
    assert store.layers.all()
    store.sweep()
    assert store.layers.all() == []


@pytest.mark.parametrize("at", [0, 40, -20, -1])
def test_a_byte_that_flipped_is_found(store: Store, faulty: FaultyRegistry, image: Image, at: int) -> None:
    spoiled = bytearray(image.blobs[1])
    spoiled[at] ^= 0x10
    faulty.spoil(large(image), lambda handler: bool(handler.answer(200, bytes(spoiled))) or True)
    refused(store, faulty, RegistryError, f"filesystem layer verification failed for digest {digest(image.blobs[1])}")


@pytest.mark.parametrize("path", ["/blobs/CONFIG", "/manifests/1"])
def test_a_configuration_or_a_manifest_that_was_changed_is_found(store: Store, faulty: FaultyRegistry, image: Image, path: str) -> None:
    data = image.config if "CONFIG" in path else image.raw
    changed = data.replace(b"sha256:", b"sha256 ", 1)
    faulty.spoil(
        path.replace("CONFIG", image.id), lambda handler: bool(handler.answer(200, changed, Docker_Content_Digest=digest(data))) or True
    )
    refused(store, faulty, RegistryError, "verification failed|and what came has")


def test_another_manifest_than_the_digest_that_was_asked_for_is_found(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    wanted = digest(b"another")
    faulty.manifests[f"/v2/lab/thing/manifests/{wanted}"] = faulty.manifests["/v2/lab/thing/manifests/1"]
    refused(store, faulty, RegistryError, f"manifest verification failed for digest {wanted}", tag=wanted)


@pytest.mark.parametrize("what", ["CONFIG", "LAYER", "/manifests/1", "/tags/"])
def test_an_answer_that_has_no_end_is_ended(store: Store, faulty: FaultyRegistry, image: Image, what: str) -> None:
    path = {"CONFIG": image.id, "LAYER": large(image)}.get(what, what)
    faulty.spoil(path, lambda handler: handler.endless())
    began = time.monotonic()
    if what == "/tags/":
        with pytest.raises(RegistryError, match="more than 8 MB"):
            registry_of(faulty).tags()
    else:
        refused(store, faulty, RegistryError, "has more than the|more than 4 MB")
    assert time.monotonic() - began < 5


def test_a_layer_that_is_shorter_or_longer_than_the_manifest_says_is_refused(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    for by, words in ((5, "EOF|IncompleteRead|416|404"), (-5, "has more than the")):
        image.manifest["layers"][1]["size"] = len(image.blobs[1]) + by
        faulty.put("lab/thing", "1", image.raw)
        refused(store, faulty, RegistryError, words)


def test_a_layer_that_is_another_than_the_configuration_says_is_refused(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    other = image_of({"etc/name": b"thing\n"}, {"other": b"1"})
    image.manifest["layers"] = other.manifest["layers"]
    faulty.add("lab/thing", "1", other)
    faulty.put("lab/thing", "1", image.raw)
    refused(store, faulty, DockerlabError, "but the image says")


def test_a_layer_that_unpacks_without_end_is_ended(
    store: Store, faulty: FaultyRegistry, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dockerlab.layers.packed.LARGEST", 32 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(64 << 20)) + packer.flush()
    image.blobs[1] = bomb
    image.manifest["layers"][1] |= {"digest": digest(bomb), "size": len(bomb)}
    faulty.add("lab/thing", "1", image)
    refused(store, faulty, DockerlabError, "unpacks to more than")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layers": None}, "no list of layers"),
        ({"layers": [{"mediaType": LAYER, "digest": "sha256:abc", "size": 1}]}, "without a digest"),
        ({"layers": [{"mediaType": LAYER, "digest": digest(b""), "size": -1}]}, "without a digest"),
        ({"layers": []}, "lists 0 layers, the image's configuration 2"),
        ({"layers": [{"mediaType": "text/html", "digest": digest(b""), "size": 1}]}, "unsupported media type"),
        ({"layers": [{"mediaType": LAYER, "digest": digest(b""), "size": 1}] * 200}, "max depth exceeded"),
        (
            {"config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(b""), "size": 1}},
            "no image of a container",
        ),
        ({"config": {"digest": digest(b""), "size": 1 << 40}}, "too much for what it should be"),
        ({"schemaVersion": 1, "fsLayers": []}, "version 1"),
        ({"mediaType": "application/x", "layers": 1}, "no image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_manifest_that_makes_no_sense_is_refused(
    store: Store, faulty: FaultyRegistry, image: Image, change: dict[str, object], words: str
) -> None:
    faulty.put("lab/thing", "1", json.dumps({**image.manifest, **change}).encode(), kind="")
    refused(store, faulty, RegistryError, words)


def test_text_that_is_no_manifest_is_refused(store: Store, faulty: FaultyRegistry) -> None:
    for raw in (b"<html>", b"[1]", b"[" * 100_000, b"\xff"):
        faulty.put("lab/thing", "1", raw)
        refused(store, faulty, RegistryError, "no JSON object")


def test_an_index_without_this_platform_tells_which_there_are(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    entry = {"digest": digest(image.raw), "size": len(image.raw), "platform": {"os": "linux", "architecture": "s390x"}}
    attestation = {**entry, "platform": {"os": "unknown", "architecture": "unknown"}}
    faulty.put("lab/thing", "1", json.dumps({"schemaVersion": 2, "manifests": [entry, attestation]}).encode(), INDEX)
    error = refused(store, faulty, NotInRegistryError, "no matching manifest for linux/amd64")
    assert "linux/s390x" in error.hint and "unknown" not in error.hint
    entry["size"] = 1
    faulty.put("lab/thing", "1", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode(), INDEX)
    refused(store, faulty, RegistryError, "and the index says 1", platform="linux/s390x")


def test_redirects_that_lead_round_in_circles_end(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    faulty.spoil(large(image), lambda handler: bool(handler.answer(307, Location=f"http://{faulty.host}{handler.path}?again")) or True)
    refused(store, faulty, RegistryError, "stopped after 10 redirects")
    assert len(faulty.requests(large(image))) == 11


def test_a_store_of_blobs_elsewhere_gets_no_password(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    with FaultyRegistry() as elsewhere, TokenServer(faulty):
        elsewhere.blobs = faulty.blobs
        faulty.spoil(
            "/blobs/", lambda handler: bool(handler.answer(307, Location=f"http://{elsewhere.host}{handler.path}?signature=1")) or True
        )
        elsewhere.spoil("signature", lambda handler: setattr(handler, "path", handler.path.partition("?")[0]) is not None)
        assert pulled(store, faulty) == image.id
        assert elsewhere.asked
        assert not any("Authorization" in headers for _, _, headers in elsewhere.asked)
        assert all("Authorization" in headers for headers in faulty.requests("/blobs/"))


class TokenServer:
    """Makes a registry ask for tokens of its own server, each good for so many requests."""

    def __init__(self, faulty: FaultyRegistry, good_for: int = 1000, expires_in: int = 300) -> None:
        self.given: list[str] = []
        self.used: dict[str, int] = {}
        self._lock = threading.Lock()
        self._faulty, self._good_for, self._expires_in = faulty, good_for, expires_in

    def __enter__(self) -> TokenServer:
        self._faulty.spoil("^/token", self.token)
        self._faulty.spoils.insert(0, (re.compile("^/v2/"), self.guard))
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def token(self, handler: Handler) -> bool:
        token = f"token-{len(self.given)}"
        self.given.append(handler.path)
        handler.answer(200, json.dumps({"token": token, "expires_in": self._expires_in}).encode())
        return True

    def guard(self, handler: Handler) -> bool:
        shown = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            self.used[shown] = self.used.get(shown, 0) + 1
            if shown.startswith("token-") and self.used[shown] <= self._good_for:
                return False
        challenge = f'Bearer realm="http://{self._faulty.host}/token",service="lab",scope="repository:lab/thing:pull",error="invalid_token"'
        return handler.error(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)


def test_a_token_is_fetched_for_what_is_wanted_and_used_again(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    with TokenServer(faulty) as tokens:
        assert pulled(store, faulty) == image.id
    assert tokens.given == ["/token?service=lab&scope=repository%3Alab%2Fthing%3Apull"]


def test_a_token_that_ran_out_before_its_time_is_fetched_anew(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    with TokenServer(faulty, good_for=1) as tokens:
        assert pulled(store, faulty) == image.id
    assert len(tokens.given) == 4


def test_a_token_near_its_end_is_not_shown_any_more(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    with TokenServer(faulty, expires_in=1) as tokens:
        registry = registry_of(faulty)
        registry.ping()
        time.sleep(1.1)
        registry.ping()
    assert len(tokens.given) == 2 and "token-1" in tokens.used


def test_a_registry_that_takes_no_token_says_so(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    with TokenServer(faulty, good_for=0) as tokens:
        error = refused(
            store, faulty, NotInRegistryError, f"pull access denied for {faulty.host}/lab/thing, repository does not exist or may require"
        )
    assert f"dockerlab login {faulty.host}" in error.hint and len(tokens.given) <= 3


def test_a_limit_of_requests_is_told_as_one_with_what_to_do(store: Store, faulty: FaultyRegistry) -> None:
    faulty.spoil(
        "/manifests/", lambda handler: handler.error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.", Retry_After="90")
    )
    error = refused(store, faulty, RateLimitError, "toomanyrequests: You have reached your pull rate limit")
    assert "in 90 seconds" in error.hint and "DOCKERLAB_BASES=catalogue" in error.hint and len(faulty.requests("/manifests/")) == 1


def test_a_pull_that_is_broken_off_ends_at_once_and_leaves_nothing(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    faulty.spoil(large(image), lambda handler: handler.stalled())
    pulling = pull(store, registry_of(faulty), Reference.parse(f"{faulty.host}/lab/thing:1"), "linux/amd64")
    while not next(pulling).status.startswith("Downloading"):
        pass
    while not faulty.requests(large(image)):
        time.sleep(0.01)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pulling.throw(KeyboardInterrupt())
    assert time.monotonic() - began < 2
    assert store.images.ids() == [] and os.listdir(store.home / "tmp") == []


def test_words_of_a_registry_are_shown_on_one_line_and_without_control(store: Store, faulty: FaultyRegistry) -> None:
    faulty.spoil("/manifests/", lambda handler: handler.error(400, "BAD", "\x1b[2J\nline " + "x" * 10_000))
    error = refused(store, faulty, RegistryError, "bad:")
    assert "\x1b" not in error.message and "\n" not in error.message and len(error.message) < 500


def test_damage_inside_a_blob_whose_digest_is_right_is_told_as_the_layers(store: Store, faulty: FaultyRegistry, image: Image) -> None:
    image.blobs[1] = gzip.compress(b"no tar at all" * 1000)
    image.manifest["layers"][1] |= {"digest": digest(image.blobs[1]), "size": len(image.blobs[1])}
    faulty.add("lab/thing", "1", image)
    refused(store, faulty, DockerlabError, "archive|but the image says")
