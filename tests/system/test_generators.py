"""Torch's generator in several threads: each has the numbers that it would have alone."""

import os
import threading

import pytest
import torch

from aae.system import generators


def draws(seed, count=20):
    with generators.forked():
        torch.manual_seed(seed)
        found = []
        for _ in range(count):
            found.append(torch.rand(3))
            generators.give_way()
    return torch.stack(found)


@pytest.mark.parametrize("turn", [0.0, 1e9])
def test_threads_draw_what_each_draws_alone(monkeypatch, turn):
    monkeypatch.setattr(generators, "TURN", turn)
    expected = {seed: draws(seed) for seed in range(4)}
    before = torch.get_rng_state()
    found = {}
    threads = [threading.Thread(target=lambda k=k: found.update({k: draws(k)})) for k in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(found[seed], expected[seed]) for seed in expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_nobody_waits_for_long_work(monkeypatch):
    """A model is loaded while another thread trains, and not only afterwards."""
    monkeypatch.setattr(generators, "TURN", 0.0)
    drawn, order = threading.Event(), []

    def short():
        with generators.forked():
            order.append("short")
        drawn.set()

    with generators.forked():
        thread = threading.Thread(target=short)
        thread.start()
        while not drawn.wait(0.001):
            generators.give_way()
        order.append("long")
    thread.join()
    assert order == ["short", "long"]


def test_giving_way_outside_of_a_block_does_nothing():
    generators.give_way()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_forked_process_does_not_wait_for_a_thread_that_it_lacks():
    held, done = threading.Event(), threading.Event()

    def hold():
        with generators.exclusive():
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        child = os.fork()
        if not child:
            with generators.exclusive():
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        done.set()
        thread.join()
