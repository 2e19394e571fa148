import numpy as np
import pytest
import torch

from aae.evaluation import vector_committee
from aae.evaluation.vector_committee import VectorCommittee
from helpers.close import assert_close
from helpers.vectors import THIRDS, groups, only

pytestmark = pytest.mark.numeric


def test_both_experts_are_judged_by_the_labels_and_predict_all_rows():
    x, y = groups(apart=0.4)
    committee = VectorCommittee().fit(torch.from_numpy(x), only(y, 6), THIRDS)
    assert set(committee.errors) == {"logistic_regression", "mixture"}
    assert (committee.probabilities.argmax(1) == y).mean() > 0.9
    assert set(committee.reported()) == {"logistic_regression"}


def test_without_labels_there_are_clusters():
    x, y = groups(apart=1.0)
    committee = VectorCommittee().fit(torch.from_numpy(x), np.full(len(y), -1), THIRDS)
    assert len({(int(a), int(b)) for a, b in zip(committee.probabilities.argmax(1), y, strict=True)}) == 3
    assert committee.errors == {}


def test_one_label_of_each_class_is_not_judged():
    x, y = groups(apart=1.0)
    committee = VectorCommittee().fit(torch.from_numpy(x), only(y, 1), THIRDS)
    assert committee.errors == {}
    assert (committee.probabilities.argmax(1) == y).mean() > 0.9


def test_repeats_to_the_bit():
    x, y = groups()
    first, second = (VectorCommittee(3).fit(torch.from_numpy(x), only(y, 4), THIRDS).probabilities for _ in range(2))
    assert (first == second).all()


def test_labels_of_one_class_alone_and_a_class_without_one():
    x, y = groups()
    labels = only(y, 3)
    for some in (np.where(labels == 0, 0, -1), np.where(labels == 2, -1, labels)):
        committee = VectorCommittee().fit(torch.from_numpy(x), some, THIRDS, [1.0, 2.0, 3.0])
        assert np.isfinite(committee.probabilities).all()
        assert_close(committee.probabilities.sum(1), np.ones(300), terms=5)


def test_a_class_of_frequency_zero():
    x, y = groups()
    p = VectorCommittee().fit(torch.from_numpy(x), only(y, 3), np.array([0.5, 0.5, 0])).probabilities
    assert np.isfinite(p).all()
    assert (p[:, 2] == 0).all()


@pytest.mark.parametrize("labels", [[0, 1], [0, -1], [0, 0], [-1, -1]])
def test_two_rows(labels):
    x = torch.from_numpy(groups()[0][:2])
    p = VectorCommittee().fit(x, np.array(labels), THIRDS).probabilities
    assert p.shape == (2, 3)
    assert np.isfinite(p).all()


def test_more_labels_than_are_folded_have_the_usual_powers(monkeypatch):
    monkeypatch.setattr(vector_committee, "MAX_FOLDED", 10)
    x, y = groups(rows=60, apart=1.0)
    committee = VectorCommittee().fit(torch.from_numpy(x), only(y, 5), THIRDS)
    assert (committee.powers, committee.errors) == (vector_committee.USUAL, {})


def test_the_product_of_experts():
    experts = np.array([[[0.5, 0.5], [0.8, 0.2]], [[0.8, 0.2], [0.5, 0.5]]])
    expected = np.array([[2 / 3, 1 / 3], [16 / 17, 1 / 17]])  # 0.8 and 0.2: to the power a half 2:1, squared 16:1
    assert_close(vector_committee._combined(experts, (2.0, 0.5)), expected, terms=10)
    assert np.isfinite(vector_committee._combined(np.zeros((2, 3, 2)), (4.0, 1.0))).all()


def test_the_expert_that_is_right_counts_more():
    y = np.arange(60) % 2
    right, unsure = np.eye(2)[y] * 0.8 + 0.1, np.full((60, 2), 0.5)
    first, _ = vector_committee._powers(np.stack([right, unsure]), y)
    last, usual = vector_committee._powers(np.stack([1 - right, right]), y)
    assert first > last
    assert usual > vector_committee.USUAL[1]
    assert vector_committee._powers(np.stack([unsure, unsure]), y) == vector_committee.USUAL
