import numpy as np
import pytest
import torch

from aae.evaluation.vector_committee import VectorCommittee
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
