"""Plausible wrong answers of lesson 8, and a phrase of the sentence that each must get."""

import numpy as np


def over_the_batch(z, eps=1e-5):
    return (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + eps)


def over_everything(z, eps=1e-5):
    return (z - z.mean()) / np.sqrt(z.var() + eps)


def without_keepdims(z, eps=1e-5):
    return (z - z.mean(-1)) / np.sqrt(z.var(-1) + eps)


def sample_variance(z, eps=1e-5):
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True, ddof=1) + eps)


def eps_outside(z, eps=1e-5):
    return (z - z.mean(-1, keepdims=True)) / (z.std(-1, keepdims=True) + eps)


def without_eps(z, eps=1e-5):
    return (z - z.mean(-1, keepdims=True)) / z.std(-1, keepdims=True)


def by_the_variance(z, eps=1e-5):
    return (z - z.mean(-1, keepdims=True)) / (z.var(-1, keepdims=True) + eps)


def mean_kept(z, eps=1e-5):
    return z / np.sqrt(z.var(-1, keepdims=True) + eps)


def last_axis_is_1(z, eps=1e-5):
    return (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + eps)


def in_place(z, eps=1e-5):
    z -= z.mean(-1, keepdims=True)
    z /= np.sqrt((z * z).mean(-1, keepdims=True) + eps)
    return z


def _normal(z):
    return (z - z.mean(-1, keepdims=True)) / np.sqrt(z.var(-1, keepdims=True) + 1e-5)


def _bits(p):
    return (p > p.mean()).astype(float)


def latent_weights(x, W, b, activation):
    return activation(_normal(x @ W + b))


def latent_bias(x, W, b, activation):
    return activation(_normal(x @ _bits(W) + b))


def without_bias(x, W, b, activation):
    return activation(_normal(x @ _bits(W)))


def mean_of_each_unit(x, W, b, activation):
    W_q = np.stack([_bits(column) for column in W.T], axis=1)
    return activation(_normal(x @ W_q + _bits(b)))


def sign_of_the_weights(x, W, b, activation):
    return activation(_normal(x @ (W > 0) + (b > 0)))


def one_mean_for_both(x, W, b, activation):
    both = _bits(np.append(W, b))
    return activation(_normal(x @ both[: W.size].reshape(W.shape) + both[W.size :]))


def bias_after_normalize(x, W, b, activation):
    return activation(_normal(x @ _bits(W)) + _bits(b))


def always_relu(x, W, b, activation):
    return np.maximum(_normal(x @ _bits(W) + _bits(b)), 0)


def activation_first(x, W, b, activation):
    return _normal(activation(x @ _bits(W) + _bits(b)))


def not_normalized(x, W, b, activation):
    return activation(x @ _bits(W) + _bits(b))


def no_activation(x, W, b, activation):
    return _normal(x @ _bits(W) + _bits(b))


WRONG = {
    "normalizes over the batch": ({"normalize": over_the_batch}, "over the examples (axis 0)"),
    "normalizes over everything": ({"normalize": over_everything}, "one mean of the whole array"),
    "forgets keepdims": ({"normalize": without_keepdims}, "keepdims=True"),
    "divides the variance by U - 1": ({"normalize": sample_variance}, "U - 1"),
    "puts eps outside of the root": ({"normalize": eps_outside}, "outside of the root"),
    "forgets eps": ({"normalize": without_eps}, "eps is missing"),
    "divides by the variance": ({"normalize": by_the_variance}, "divides by the variance"),
    "keeps the mean": ({"normalize": mean_kept}, "the mean is still there"),
    "takes axis 1 for the last": ({"normalize": last_axis_is_1}, "the last axis, -1"),
    "overwrites its input": ({"normalize": in_place}, "changed its input"),
    "uses the latent weights": ({"bnfcl": latent_weights}, "computes with the latent weights"),
    "uses the latent bias": ({"bnfcl": latent_bias}, "latent bias"),
    "forgets the bias": ({"bnfcl": without_bias}, "forgets the bias"),
    "takes a mean of each unit": ({"bnfcl": mean_of_each_unit}, "one mean for the whole array"),
    "takes the sign for the bit": ({"bnfcl": sign_of_the_weights}, "from the sign"),
    "takes one mean of W and b": ({"bnfcl": one_mean_for_both}, "W and b together"),
    "adds the bias after Normalize": ({"bnfcl": bias_after_normalize}, "before Normalize (line 8)"),
    "always applies a relu": ({"bnfcl": always_relu}, "ignores its argument activation"),
    "activates before it normalizes": ({"bnfcl": activation_first}, "after the activation"),
    "forgets Normalize": ({"bnfcl": not_normalized}, "without line 9"),
    "forgets the activation": ({"bnfcl": no_activation}, "line 10"),
}
