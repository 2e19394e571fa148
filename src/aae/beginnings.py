"""Several beginnings of one training, of which the best goes on."""

from aae.errors import AAEError

__all__ = ["Beginnings"]


class Beginnings:
    r"""A training begins several times, each time with new weights, and goes on from the best beginning.

    What the first pass has settled stays: where fours and nines lie in one cluster from the start, the features under
    the head lose what tells them apart, and no division finds it again. On one of five seeds ten clusters of MNIST end
    so. Nothing says so at once, but later mutual information does, without any label: a cluster of two classes has
    twice its share of the rows, while another class holds two clusters. k-means is begun several times for the same
    reason.

    All beginnings together and the rest are one training of the length that was asked for: ``count`` of them and
    ``share`` each make its parts ``share : share : ... : 1 - share``. A model that comes with weights of its own loses
    them where the second one begins.

    Args:
        count: Number of beginnings.
        share: Of a training with a single beginning, how much of it each of them is; between 0 and 1.
        metric: What is compared, least is best: as a mean over the last steps of each.
    """

    def __init__(self, count: int = 3, share: float = 0.5, metric: str = "mutualinformation_y") -> None:
        if count < 1:
            raise AAEError(f"A training needs at least one beginning, not {count}.")
        if not 0 < share < 1:
            raise AAEError(f"A beginning is a share of the training between 0 and 1, not {share}.")
        self.count, self.share, self.metric = count, share, metric

    def place(self, progress: float) -> tuple[int, float]:
        """Where the training is when a share of all of it, from 0 to 1, is over.

        Returns:
            The number of the beginning, or ``count`` where the best one goes on; and the share that is over of the
            training that it is the beginning of.
        """
        together = self.count * self.share
        done = progress * (together + 1 - self.share)
        if done >= together:
            return self.count, done - together + self.share
        number = min(int(done / self.share), self.count - 1)
        return number, done - number * self.share
