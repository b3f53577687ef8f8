"""Exercise of lesson 16: how sure a normalized layer can be when several answers are right.

Check it with `minibnn check 16`.
"""


def best_logits(V, k=1):
    """The logits that give the k right ones of V classes the largest possible probability, all k the same.

    `V`: number of classes, at least 2. `k`: how many of them are right, from 1 to V - 1; these are the first k.
    Returns a float64 array (V,) as Normalize makes it (take its epsilon as 0): mean 0, mean square 1. The k right
    logits are equal, the others are equal too, and the distance between the two values is as large as can be.

    Example: best_logits(5) is [2, -0.5, -0.5, -0.5, -0.5]; best_logits(4, 2) is [1, 1, -1, -1].
    """
    raise NotImplementedError("lesson 16: write this function")


def loss_floor(V, k=1):
    """The smallest mean loss if each of k classes out of V is the right one equally often.

    `V`, `k`: as for `best_logits`. The loss of an example is -log(softmax(logits)[right class]), in nats.
    Returns a float: the loss of `best_logits(V, k)` for one of the k right classes. It must be exact to nine digits for
    all V up to 30522, also where it is as small as 4.07e-72: log(1 + x) loses a tiny x, and math.log1p(x) does not.

    Example: loss_floor(2) is 0.12692801..., loss_floor(4, 2) is 0.82007519... (of which log 2 = 0.693 is for not
    knowing which of the two).
    """
    raise NotImplementedError("lesson 16: write this function")
