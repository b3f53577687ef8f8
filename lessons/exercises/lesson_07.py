"""Exercise of lesson 7: line 2 of Algorithm 1, and the finite differences that its gradient must match.

Check it with `minibnn check 7`.
"""


def line_2(W):
    """W_q = W + NoGradient(Quant(W) - W), as the paper prints it.

    `W`: a `minibnn.Tensor` of any shape. Use `quant` and `no_gradient` of `minibnn.autograd`.
    Returns a Tensor of the same shape: forward the bits of W, up to rounding; backward, its gradient reaches W
    unchanged.

    Example: with W = Tensor([0.3, -0.2, 0.1, 0.8], requires_grad=True), line_2(W).data is [1, 0, 0, 1], and after
    (line_2(W) * 3).sum().backward(), W.grad is 3 everywhere.
    """
    raise NotImplementedError("lesson 07: write this function")


def surrogate_slopes(loss, W0, step=1e-3):
    """The slopes of the frozen-offset surrogate at W0, by central differences.

    The surrogate is W -> loss(W + C), where C = Quant(W0) - W0 is computed once. Its slope with respect to one element
    is (f(W0 + step) - f(W0 - step)) / (2 step), with only that element moved.

    `loss`: function of one float64 array of the shape of W0, which it uses as if it were bits; it returns a float.
    `W0`: float64 array of any shape, the latent weights; not changed. `step`: float.
    Returns a float64 array of the shape of W0.

    Example: surrogate_slopes(lambda W_q: (5 * W_q).sum(), np.array([0.3, -0.2, 0.1])) is [5, 5, 5].
    """
    raise NotImplementedError("lesson 07: write this function")
