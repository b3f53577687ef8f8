"""The checker of lesson 5."""

import math

import numpy as np

from minibnn.reading import Wrong, array_of, call, close, expect, parts_of, unchanged

SETTINGS = {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 0.05}  # an eps so large that one sees where it stands


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    check_step(answer)
    check_first_step(answer)
    check_against_minibnn(answer)
    check_values(answer)
    check_large_logits(answer)


def check_step(answer):
    """One step in the middle of training, compared with the equations and with their known misreadings."""
    p, g, m, v = (np.array(a) for a in ([1.0, -2.0], [2.0, -0.5], [0.5, 0.25], [1.0, 0.5]))
    where = "the step t = 3 from p = [1, -2], g = [2, -0.5], m = [0.5, 0.25], v = [1, 0.5]"
    got_p, got_m, got_v = adam(answer, where, p, g, m, v, 3, SETTINGS)
    lr, beta1, beta2, eps = SETTINGS.values()
    want_m, want_v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    expect(
        got_m,
        want_m,
        f"the new m for {where}",
        (want_m / (1 - beta1**3), "That is m', divided by 1 - beta1^t; use it for p, but return m."),
        (beta1 * m + g, "It should be a mean: g counts (1 - beta1) times."),
        ((1 - beta1) * m + beta1 * g, "The betas are exchanged: of the old m, the share beta1 stays."),
        (m, "That is the old m."),
    )
    expect(
        got_v,
        want_v,
        f"the new v for {where}",
        (want_v / (1 - beta2**3), "That is v', divided by 1 - beta2^t; use it for p, but return v."),
        (beta2 * v + (1 - beta2) * g, "v is a mean of squares: g^2, not g."),
        (beta1 * v + (1 - beta1) * g * g, "v has a beta of its own, beta2."),
        (beta2 * v + g * g, "It should be a mean: g^2 counts (1 - beta2) times."),
        (v, "That is the old v."),
    )
    m_, v_ = want_m / (1 - beta1**3), want_v / (1 - beta2**3)
    expect(
        got_p,
        p - lr * m_ / (np.sqrt(v_) + eps),
        f"the new p for {where}",
        (p - lr * want_m / (np.sqrt(want_v) + eps), "Neither mean is corrected for its start at zero: m' and v'."),
        (p - lr * m_ / (np.sqrt(want_v) + eps), "v is not corrected for its start at zero: divide by 1 - beta2^t."),
        (p - lr * want_m / (np.sqrt(v_) + eps), "m is not corrected for its start at zero: divide by 1 - beta1^t."),
        (p - lr * m_ / np.sqrt(v_ + eps), "eps stands inside the root; add it after taking the root."),
        (
            p - lr * m_ / (np.sqrt(v_) + eps / np.sqrt(1 - beta2**3)),
            "eps is added to sqrt(v), before the correction; add it to sqrt(v').",
        ),
        (p - lr * m_ / (v_ + eps), "Take the square root of v'."),
        (p - lr * g / (np.sqrt(v_) + eps), "The step goes along m', the mean, not along g."),
        (p + lr * m_ / (np.sqrt(v_) + eps), "It goes uphill: subtract."),
        (p - lr * m_ / np.sqrt(v_), "eps is missing in the denominator."),
        (p - m_ / (np.sqrt(v_) + eps), "The learning rate is missing."),
        (p - lr * (m / (1 - beta1**3)) / (np.sqrt(v / (1 - beta2**3)) + eps), "Use the new m and v, not the old."),
        (p - lr * powers(want_m, beta1, 2) / (np.sqrt(powers(want_v, beta2, 2)) + eps), "t counts from 1: beta^t."),
        (p - lr * powers(want_m, beta1, 4) / (np.sqrt(powers(want_v, beta2, 4)) + eps), "Use beta^t, not beta^(t+1)."),
        (p, "That is the old p."),
    )


def powers(mean, beta, t):
    """A running mean corrected as if this were step t."""
    return mean / (1 - beta**t)


def check_first_step(answer):
    """At the start, where a wrong correction divides by zero, and where a gradient may be zero."""
    p, g, zeros = np.ones((2, 2)), np.array([[2.0, -0.5], [0.0, 1e-3]]), np.zeros((2, 2))
    got_p, _, _ = adam(answer, "the first step, t = 1, of a (2, 2) array", p, g, zeros, zeros.copy(), 1, {"lr": 0.1})
    want = np.array([[0.9, 1.1], [1.0, 0.9]])
    if not close(got_p, want, 1e-5):
        raise Wrong(
            f"after the first step with lr = 0.1 from p = 1 and g = {g.tolist()}, p is {got_p.tolist()}, expected "
            f"about {want.tolist()}: each weight moves by lr, and where g is 0 by nothing."
        )


def check_against_minibnn(answer):
    """Twenty steps, beside the package's own Adam with its default betas and eps."""
    from minibnn import Tensor
    from minibnn.training import Adam

    rng = np.random.default_rng(0)
    p, m, v = rng.normal(size=3), np.zeros(3), np.zeros(3)
    tensor = Tensor(p.copy(), requires_grad=True)
    optimizer = Adam([tensor], lr=0.01)
    for t in range(1, 21):
        g = rng.normal(size=3)
        tensor.grad = g.copy()
        optimizer.step()
        p, m, v = adam(answer, f"step {t} of twenty", p, g, m, v, t, {"lr": 0.01})
        if not close(p, tensor.data, 1e-9):
            raise Wrong(f"after {t} steps p is {p.tolist()}, and with minibnn's Adam it is {tensor.data.tolist()}.")


def check_values(answer):
    """A small batch: the loss by hand, the gradient by hand, and known misreadings of both."""
    logits, labels = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, -1.0]]), np.array([0, 2])
    where = f"logits = {logits.tolist()} and labels = [0, 2]"
    loss, gradient = entropy(answer, where, logits, labels)
    shares = np.array([[math.exp(z) / math.fsum(map(math.exp, row)) for z in row] for row in logits.tolist()])
    right = shares[[0, 1], labels]
    want, one_hot = -np.log(right).mean(), np.eye(3)[labels]
    expect(
        loss,
        want,
        f"the loss for {where}",
        (2 * want, "That is the sum over the batch; take the mean."),
        (-want, "The sign is turned: the loss is minus the logarithm."),
        (-np.log(shares).mean(), "That is the mean over all classes; only the share of the right class counts."),
        (-right.mean(), "The logarithm is missing."),
        (-np.log(shares[:, labels]).mean(), "[:, labels] takes (B, B) of them; take one of each row."),
        (-np.log(shares.max(axis=1)).mean(), "That is the share of the largest logit; take that of the label."),
        (want / math.log(2), "That is in bits; use the natural logarithm."),
    )
    slope = (shares - one_hot) / 2
    expect(
        gradient,
        slope,
        f"the gradient for {where}",
        (2 * slope, "The loss is a mean over the batch, so that the gradient has to be divided by B."),
        (-slope, "The sign is turned: raising the logit of the right class lowers the loss."),
        (-2 * slope, "The sign is turned, and the division by B is missing."),
        (slope * one_hot, "The wrong classes have slopes, too: raising their logits takes from the right share."),
        (shares / 2, "From the share of the right class, 1 is to be subtracted."),
        (-one_hot / right[:, None] / 2, "That is the slope along the shares; go on through softmax to the logits."),
    )


def check_large_logits(answer):
    """Logits for which exp overflows, or a share rounds to 0."""
    logits, labels = np.array([[1000.0, 0.0], [-1000.0, 0.0]]), np.array([1, 0])
    where = f"logits = {logits.tolist()} and labels = [1, 0]"
    loss, gradient = entropy(answer, where, logits, labels)
    hint = "exp(1000) overflows and log(0) is infinite: subtract each row's maximum, and simplify log(exp(z) / sum)."
    if not close(loss, 1000.0, 1e-6):
        raise Wrong(f"the loss for {where} is {loss:.6g}, expected 1000. {hint}")
    if not close(gradient, np.array([[0.5, -0.5], [-0.5, 0.5]]), 1e-9):
        raise Wrong(f"the gradient for {where} is {gradient.tolist()}, expected [[0.5, -0.5], [-0.5, 0.5]]. {hint}")


def adam(answer, where, p, g, m, v, t, settings):
    """What the reader's `adam_step` returns, if it is three arrays of the shape of `p`, and nothing else changed."""
    given = [a.copy() for a in (p, g, m, v)]
    what = f"adam_step at {where}"
    got = parts_of(call(answer, "adam_step", *given, t, **settings, shown=what), "pmv", what)
    for name, before, after in zip("pgmv", (p, g, m, v), given, strict=True):
        unchanged(after, before, f"adam_step changed the array {name}", "return a new one (no += on arrays)")
    named = zip("pmv", got, strict=True)
    return [array_of(value, f"the new {name} for {where}", p.shape, finite=False) for name, value in named]


def entropy(answer, where, logits, labels):
    """What the reader's `cross_entropy` returns, if it is a number and an array of the shape of the logits."""
    given = logits.copy()
    what = f"cross_entropy of {where}"
    got = call(answer, "cross_entropy", given, labels.copy(), shown=what)
    loss, gradient = parts_of(got, ("loss", "gradient"), what)
    unchanged(given, logits, "cross_entropy changed the logits", "compute in a new array")
    loss = array_of(loss, f"the loss for {where}", (), finite=False)
    return loss, array_of(gradient, f"the gradient for {where}", logits.shape, finite=False)
