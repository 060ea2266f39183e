"""A store stays within its bound: what was used longest ago goes first, never what a running session uses."""

from __future__ import annotations

import gc
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_robustness.engine import Evaluator, Store, pruning
from pytest_robustness.errors import ParameterError
from pytest_robustness.evaluations import Accuracy, Outcome

HOUR = 3600.0


def key(number: int) -> str:
    return f"{number:064x}"[::-1]


def outcome(size: int = 1000) -> Outcome:
    return Outcome({"x": np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)})


def path_of(folder, number):
    return folder / key(number)[:2] / f"{key(number)}.npz"


def fill(folder, ages, size=1000):
    """Store outcomes that were used so many hours ago, by a session that is over."""
    store = Store(folder)
    for number in range(len(ages)):
        store.put(key(number), outcome(size))
    for number, age in enumerate(ages):
        used = time.time() - age * HOUR
        os.utime(path_of(folder, number), (used, used))
    del store


def left(folder, count):
    return [number for number in range(count) if path_of(folder, number).exists()]


def entry_size(folder):
    return path_of(folder, 0).stat().st_size


def test_what_was_used_longest_ago_goes_first(tmp_path):
    fill(tmp_path, [5, 1, 4, 2, 3])
    size = entry_size(tmp_path)
    assert pruning.prune(tmp_path, size=3 * size) == pruning.Pruned(removed=2, freed=2 * size, spared=0)
    assert left(tmp_path, 5) == [1, 3, 4]
    assert pruning.prune(tmp_path, size=3 * size) == pruning.Pruned(removed=0, freed=0, spared=0)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.integers(0, 9))
def test_as_much_as_fits_is_kept_and_no_older_than_what_goes(tmp_path_factory, ages, room):
    folder = tmp_path_factory.mktemp("store")
    fill(folder, ages, size=50)
    pruned = pruning.prune(folder, size=room * entry_size(folder))
    kept = left(folder, len(ages))
    assert len(kept) == min(room, len(ages)) == len(ages) - pruned.removed
    gone = [age for number, age in enumerate(ages) if number not in kept]
    assert not kept or not gone or max(ages[number] for number in kept) <= min(gone)


def test_reading_is_using(tmp_path):
    fill(tmp_path, [5, 4, 3])
    store = Store(tmp_path)
    assert store.get(key(0)) is not None
    del store
    pruning.prune(tmp_path, size=2 * entry_size(tmp_path))
    assert left(tmp_path, 3) == [0, 2]


def test_what_was_not_used_for_long_goes_whatever_the_size(tmp_path):
    fill(tmp_path, [48, 1, 30])
    assert pruning.prune(tmp_path, size=10**9, unused_since=time.time() - 24 * HOUR).removed == 2
    assert left(tmp_path, 3) == [1]


def test_what_the_running_session_uses_stays(tmp_path):
    fill(tmp_path, [3, 2, 1])
    store = Store(tmp_path)
    store.get(key(0))
    store.put(key(3), outcome())
    pruned = pruning.prune(tmp_path, size=0)
    assert (pruned.removed, pruned.spared) == (2, 2)
    assert left(tmp_path, 4) == [0, 3]
    assert len(pruning.contents(tmp_path).running) == 1
    del store
    assert not list((tmp_path / "sessions").iterdir())
    assert pruning.prune(tmp_path, size=0).removed == 2
    assert left(tmp_path, 4) == []


OTHER = """
import sys, time
from pytest_robustness.engine import Store
store = Store(sys.argv[1])
store.get(sys.argv[2])
print("ready", flush=True)
time.sleep(120)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
def test_what_another_process_uses_stays_until_it_is_killed(tmp_path):
    fill(tmp_path, [3, 2])
    with subprocess.Popen([sys.executable, "-c", OTHER, str(tmp_path), key(0)], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline().strip() == b"ready"
        os.kill(other.pid, signal.SIGSTOP)  # one that hangs is still running
        pruned = pruning.prune(tmp_path, size=0)
        other.kill()
    assert (pruned.removed, pruned.spared) == (1, 1)
    assert left(tmp_path, 2) == [0]
    assert pruning.prune(tmp_path, size=0).removed == 1
    assert not list((tmp_path / "sessions").iterdir())


def test_stores_of_one_process_are_one_session(tmp_path):
    stores = [Store(tmp_path) for _ in range(3)]
    assert len(pruning.contents(tmp_path).running) == 1
    stores.pop()
    assert len(pruning.contents(tmp_path).running) == 1


def test_an_entry_used_while_it_is_looked_at_stays(tmp_path, monkeypatch):
    fill(tmp_path, [3, 2])
    real = pruning.contents

    def looked_at(folder):
        found = real(folder)
        os.utime(path_of(folder, 0))  # a session that begins just now
        return found

    monkeypatch.setattr(pruning, "contents", looked_at)
    assert pruning.prune(tmp_path, size=0) == pruning.Pruned(removed=1, freed=entry_size(tmp_path), spared=1)
    assert left(tmp_path, 2) == [0]


def test_what_a_killed_write_left_goes_and_a_running_one_stays(tmp_path):
    fill(tmp_path, [1])
    parts = [path_of(tmp_path, 0).with_name(f"tmp{name}.part") for name in ("dead", "alive")]
    parts[0].write_bytes(b"half")
    os.utime(parts[0], (time.time() - HOUR,) * 2)
    store = Store(tmp_path)
    parts[1].write_bytes(b"half")
    assert pruning.prune(tmp_path, size=10**9).freed == 4
    assert [part.exists() for part in parts] == [False, True]
    assert store.get(key(0)) is not None


def test_locks_of_evaluations_go_unless_they_may_be_held(tmp_path):
    fill(tmp_path, [2, 1])
    store = Store(tmp_path)
    for number in (7, 8):
        with store.lock(key(number)):
            pass
    os.utime(tmp_path / "locks" / f"{key(7)}.lock", (time.time() - HOUR,) * 2)
    pruning.prune(tmp_path, size=0)
    assert [lock.name for lock in (tmp_path / "locks").iterdir()] == [f"{key(8)}.lock"]


def test_only_what_a_store_made_is_touched(tmp_path):
    fill(tmp_path, [2, 1])
    foreign = [tmp_path / "photo.npz", tmp_path / "ab" / "notes.npz", tmp_path / "locks" / "other.lock", tmp_path / "x"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    foreign.append(elsewhere / path_of(tmp_path, 3).name)
    (tmp_path / "ab").mkdir()
    for path in foreign:
        path.write_text("mine")
    (tmp_path / "cd").symlink_to(elsewhere)
    pruning.prune(tmp_path, size=0)
    assert left(tmp_path, 2) == []
    assert all(path.read_text() == "mine" for path in foreign)


class TestAStoreThatGrows:
    def test_never_exceeds_its_bound(self, tmp_path):
        fill(tmp_path, [1] * 20)
        size = entry_size(tmp_path)
        bound = 30 * size
        for number in range(100, 160):
            Store(tmp_path, bound=bound).put(key(number), outcome())  # each a session of its own
            assert pruning.contents(tmp_path).size <= bound
        kept = left(tmp_path, 160)
        assert kept == list(range(kept[0], 160))  # the latest of all
        assert len(kept) >= 20

    def test_may_exceed_it_by_what_the_session_itself_uses(self, tmp_path):
        fill(tmp_path, [1] * 5)
        store = Store(tmp_path, bound=10 * entry_size(tmp_path))
        for number in range(100, 120):
            store.put(key(number), outcome())
        assert left(tmp_path, 120) == list(range(100, 120))

    def test_is_looked_through_now_and_then_only(self, tmp_path, monkeypatch):
        looks = []
        real = pruning.contents
        monkeypatch.setattr(pruning, "contents", lambda folder: looks.append(folder) or real(folder))
        store = Store(tmp_path, bound=10**6)
        for number in range(100):
            store.put(key(number), outcome())
        assert len(looks) == 1 + 99 // math.ceil(10**6 // 16 / entry_size(tmp_path))
        assert len(looks) in {2, 3}

    def test_does_not_wait_for_another_that_prunes(self, tmp_path):
        store = Store(tmp_path, bound=1)
        with pruning.FileLock(tmp_path / "prune.lock"):
            store.put(key(1), outcome())
        assert store.get(key(1)) is not None

    def test_in_an_evaluation(self, net, make_net, dataset, tmp_path, monkeypatch):
        Evaluator(net, dataset, cache=tmp_path).measure(Accuracy())
        gc.collect()
        one = pruning.contents(tmp_path).size
        monkeypatch.setattr(pruning, "BOUND", 2 * one)
        for seed in range(1, 5):
            Evaluator(make_net(seed=seed), dataset, cache=tmp_path).measure(Accuracy())
            gc.collect()
            assert pruning.contents(tmp_path).size <= 2 * one
        assert Evaluator(make_net(seed=4), dataset, cache=tmp_path).measure(Accuracy()).cached
        assert not Evaluator(net, dataset, cache=tmp_path).measure(Accuracy()).cached

    def test_a_bound_of_nothing(self, tmp_path):
        with pytest.raises(ParameterError, match="bound is out of range"):
            Store(tmp_path, bound=0)


def test_a_folder_that_is_removed_under_a_session_is_used_again(tmp_path):
    folder = tmp_path / "store"
    store = Store(folder)
    store.put(key(1), outcome())
    shutil.rmtree(folder)
    again = Store(folder)
    again.put(key(1), outcome())
    assert len(pruning.contents(folder).running) == 1
    assert pruning.prune(folder, size=0).spared == 1
    assert store.get(key(1)) is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_that_ends_does_not_end_the_session(tmp_path):
    program = """
import os, sys
from pathlib import Path
from pytest_robustness.engine import pruning

folder = Path(sys.argv[1])
session = pruning.session_on(folder)
if not (child := os.fork()):
    sys.exit(0)
os.waitpid(child, 0)
print(len(pruning.contents(folder).running))
"""
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "1"
