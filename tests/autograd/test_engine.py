"""The engine: order, sums, repeated calls, dtypes, depth, and what it says when it is used wrongly."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minibnn import Tensor
from minibnn.autograd import graph, no_gradient, ops, straight_through
from minibnn.autograd.engine import topological_order
from minibnn.autograd.tensor import operation
from minibnn.errors import InputError, InputTypeError


def leaf(values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_a_diamond_sums_both_paths_before_it_goes_on():
    x = leaf(3.0)
    y = x * 2
    z = y + y * y  # dz/dx = 2 (1 + 2y) = 26
    z.backward()
    assert x.grad == 26


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.sampled_from("+*-")), max_size=12))
def test_any_graph_has_the_gradient_of_its_formula(steps):
    """Random graphs with shared nodes against forward-mode dual numbers, an engine of another kind."""
    x = leaf(0.7)
    tensors, duals = [x], [(0.7, 1.0)]
    for i, j, sign in steps:
        i, j = i % len(tensors), j % len(tensors)
        (a, da), (b, db) = duals[i], duals[j]
        if sign == "*":
            tensors.append(ops.tanh(tensors[i] * tensors[j]))
            value = np.tanh(a * b)
            duals.append((value, (1 - value**2) * (da * b + a * db)))
        elif sign == "+":
            tensors.append((tensors[i] + tensors[j]) / 2)
            duals.append(((a + b) / 2, (da + db) / 2))
        else:
            tensors.append(tensors[i] - tensors[j])
            duals.append((a - b, da - db))
    tensors[-1].backward()
    assert x.grad == pytest.approx(duals[-1][1], abs=1e-12)


def test_every_tensor_comes_after_all_that_was_computed_from_it():
    x = leaf(1.0)
    a = x + 1
    b = a * x
    c = b + a + x
    order = topological_order(c)
    place = {id(t): i for i, t in enumerate(order)}
    assert order[0] is c
    assert len(place) == len(order)
    assert all(place[id(t)] < place[id(p)] for t in order for p in t.parents)


def test_a_graph_100_000_operations_deep_works_and_can_be_freed():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad == 1
    del y
    gc.collect()


def test_backward_adds_to_grad_so_a_second_call_doubles_it():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    loss.backward()
    first = x.grad.copy()
    loss.backward()
    assert np.array_equal(x.grad, 2 * first)


def test_gradients_do_not_share_memory():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (x + y).backward(np.ones(2))
    x.grad += 10
    assert np.array_equal(y.grad, [1, 1])


def test_only_leaves_keep_a_gradient_and_constants_get_none():
    x, c = leaf([1.0]), Tensor(np.array([2.0]))
    y = x * c
    y.sum().backward()
    assert (x.grad, y.grad, c.grad) == ([2.0], None, None)


def test_nothing_is_remembered_when_nothing_requires_a_gradient():
    y = ops.tanh(Tensor([1.0]) + Tensor([2.0]))
    assert (y.parents, y.vjp, y.requires_grad) == ((), None, False)


def test_the_gradient_of_a_float32_leaf_is_float32_in_a_float64_graph():
    x = leaf([1.0, 2.0], np.float32)
    (x * np.array([3.0, 4.0])).sum().backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("number", [2, 2.0, np.float64(2), True])
def test_a_plain_number_does_not_change_the_dtype(number):
    x = leaf([1.0], np.float32)
    results = [x + number, number * x, number - x, x / number, number / x, x**2, ops.where([True], number, x)]
    assert {r.dtype for r in results} == {np.dtype(np.float32)}


def test_a_plain_number_is_not_rounded_to_float32():
    assert (leaf([1.0]) * 0.1).data.item() == 0.1


def test_numpy_arrays_on_the_left_let_the_tensor_work():
    x = leaf([[1.0, 2.0]])
    results = [np.ones((1, 2)) * x, np.ones((1, 2)) - x, np.ones((1, 2)) / x, np.ones((3, 1)) @ x]
    assert all(isinstance(r, Tensor) and r.requires_grad for r in results)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [(1, "float32"), ([1.5], "float32"), (np.ones(2, int), "float32"), (np.ones(2), "float64"), ([True], "float32")],
)
def test_data_is_float32_unless_it_comes_as_float64(data, dtype):
    assert Tensor(data).dtype == dtype


def test_no_gradient_keeps_the_value_and_ends_the_graph():
    x = leaf([2.0, 3.0])
    y = x * no_gradient(x)
    y.sum().backward()
    assert np.array_equal(y.data, [4, 9])
    assert np.array_equal(x.grad, [2, 3])


def test_the_graph_shows_shapes_parents_and_straight_through_nodes():
    W, x = leaf(np.ones((3, 2))), Tensor(np.ones((4, 3)), name="x")
    text = graph(ops.normalize(x @ straight_through(W)), names=[("layer.W", W)])
    assert [line.split()[1:3] for line in text.splitlines()[1:]] == [
        ["x", "(4,"],
        ["layer.W", "(3,"],
        ["straight_through", "(3,"],
        ["matmul", "(4,"],
        ["normalize", "(4,"],
    ]
    assert "bits forward, identity backward" in text
    assert "#0 #2" in text


def test_repr_tells_values_shape_and_origin():
    W = Tensor([1.0, 2.0], requires_grad=True, name="W")
    assert repr(W) == "Tensor([1., 2.], 'W', shape=(2,), float32, leaf that requires a gradient)"
    assert repr(W * 2) == "Tensor([2., 4.], shape=(2,), float32, from multiply of W and ())"


def test_an_index_array_may_change_after_the_lookup():
    x, rows = leaf([1.0, 2.0, 3.0]), np.array([0, 1])
    y = x[rows]
    rows[:] = 2
    y.sum().backward()
    assert np.array_equal(x.grad, [1, 1, 0])


def test_where_keeps_an_infinite_gradient_out_of_the_branch_not_taken():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    ops.where([True, False], x, y).backward(np.array([np.inf, np.inf]))
    assert np.array_equal(x.grad, [np.inf, 0])
    assert np.array_equal(y.grad, [0, np.inf])


@pytest.mark.parametrize("column_bytes", [1, 1000])
def test_convolution_is_the_same_however_many_images_it_takes_at_a_time(column_bytes, monkeypatch):
    results = []
    for limit in (ops.images.COLUMN_BYTES, column_bytes):
        monkeypatch.setattr(ops.images, "COLUMN_BYTES", limit)
        x, W = (leaf(np.random.default_rng(i).normal(size=s)) for i, s in enumerate([(5, 4, 3, 2), (3, 2, 2, 4)]))
        z = ops.conv2d(x, W)
        z.backward(np.sin(z.data))
        results.append((z.data, x.grad, W.grad))
    assert all(np.allclose(a, b, rtol=1e-12, atol=1e-12) for a, b in zip(*results, strict=True))


def test_large_scores_do_not_overflow():
    scores = Tensor([[1000.0, 0.0], [-1000.0, 0.0]])
    assert ops.softmax(scores).data.tolist() == [[1, 0], [0, 1]]
    assert ops.log_softmax(scores).data.tolist() == [[0, -1000], [-1000, 0]]
    assert ops.softmax_cross_entropy(scores, np.array([1, 1])).data.tolist() == [1000, 0]


def test_the_default_axis_is_the_last():
    x = leaf(np.random.default_rng(0).normal(size=(2, 3, 4)))
    for function in (ops.softmax, ops.log_softmax, ops.normalize):
        assert np.array_equal(function(x).data, function(x, -1).data)
        assert np.array_equal(function(x).data[1, 2], function(Tensor(x.data[1, 2])).data)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_dropout_keeps_the_mean_and_drops_the_rate(rate):
    y = ops.dropout(Tensor(np.ones(100_000)), rate, np.random.default_rng(0)).data
    assert (y == 0).mean() == pytest.approx(rate, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.03)


def test_other_byte_orders_become_native():
    assert Tensor(np.array([1e300], ">f8")).data.item() == 1e300
    assert Tensor(np.array([1e300], ">f8")).dtype == np.dtype("=f8")


def test_len_item_and_iteration():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [row.data.tolist() for row in x] == [[1, 2], [3, 4]]
    assert leaf([[5.0]]).item() == float(leaf([[5.0]])) == 5


WRONG = {
    "add": (lambda: leaf([1.0, 2]) + leaf([1.0, 2, 3]), r"add: shapes \(2,\) and \(3,\) do not broadcast"),
    "matmul": (lambda: leaf(np.ones((2, 3))) @ leaf(np.ones((2, 3))), r"\(2, 3\) @ \(2, 3\) has 3 and 2"),
    "matmul batch": (lambda: leaf(np.ones((2, 1, 3))) @ leaf(np.ones((3, 3, 1))), r"batch axes.*\(2,\) and \(3,\)"),
    "matmul vector": (lambda: leaf(np.ones((2, 3))) @ leaf(np.ones(3)), r"a matrix on the right"),
    "reshape": (lambda: leaf([1.0, 2]).reshape(3), r"2 elements of shape \(2,\) do not fit \(3,\)"),
    "permute": (lambda: leaf([[1.0]]).permute(0, 0), r"axis \(0, 0\) names an axis of shape \(1, 1\) twice"),
    "permute too few": (lambda: leaf([[1.0]]).permute(0), r"each of the axes 0 to 1 once, and got \(0,\)"),
    "permute floats": (lambda: leaf([[1.0]]).permute(0, 1.0), r"axis expects an int"),
    "reshape floats": (lambda: leaf([1.0, 2]).reshape(2.0, 1), r"2 elements of shape \(2,\) do not fit \(2.0, 1\)"),
    "axis of text": (lambda: leaf([1.0]).sum("0"), r"axis expects an int, several ints or None, and got '0'"),
    "softmax axis": (lambda: ops.softmax(leaf([[1.0]]), (0, 1)), r"softmax expects one axis, and got \(0, 1\)"),
    "normalize axis 5": (lambda: ops.normalize(leaf(np.ones((2, 3))), 5), r"axis 5 is out of range"),
    "index": (lambda: leaf([1.0, 2])[5], r"shape \(2,\) cannot be indexed so: index 5 is out of bounds"),
    "index with a mask": (lambda: leaf([1.0, 2])[np.ones(3, bool)], r"cannot be indexed so: boolean index"),
    "index with a tensor": (lambda: leaf([1.0, 2])[leaf([1.0])], r"got a Tensor; take its .data"),
    "times nothing": (lambda: leaf([1.0]) * None, r"real numbers .* got object"),
    "times text": (lambda: leaf([1.0]) * "1.5", r"real numbers .* got <U3"),
    "ops of arrays": (lambda: ops.softmax(np.ones(3)), r"softmax expects Tensors, and got ndarray"),
    "conv of arrays": (lambda: ops.conv2d(np.ones(3), np.ones(3)), r"conv2d expects Tensors, and got ndarray"),
    "bits of an array": (lambda: straight_through(np.ones(3)), r"straight_through expects Tensors"),
    "no_gradient of an array": (lambda: no_gradient(np.ones(3)), r"no_gradient expects Tensors"),
    "where of numbers": (lambda: ops.where([True], 1.0, 2.0), r"where expects Tensors, and got float"),
    "dropout rng": (lambda: ops.dropout(leaf([1.0]), 0.5, None), r"numpy.random.Generator, and got NoneType"),
    "truth of a vector": (lambda: bool(leaf([0.0, 0.0])), r"exactly one element"),
    "rows of a number": (lambda: list(leaf(1.0)), r"no rows"),
    "array of a tensor": (lambda: np.asarray(leaf([1.0])), r"take its .data"),
    "backward of a tensor": (lambda: leaf([1.0]).backward(leaf([1.0])), r"take its .data"),
    "axis": (lambda: leaf([1.0]).sum(1), r"axis 1 is out of range for a tensor of shape \(1,\)"),
    "axis twice": (lambda: leaf([[1.0]]).sum((0, -2)), r"twice"),
    "mean of nothing": (lambda: leaf([]).mean(), r"at least one element"),
    "max of nothing": (lambda: leaf([]).max(), r"at least one element"),
    "softmax of nothing": (lambda: ops.softmax(leaf([])), r"at least one element"),
    "normalize axis": (lambda: ops.normalize(leaf(np.ones((2, 3))), 0), r"last axis or axes of shape \(2, 3\)"),
    "concatenate nothing": (lambda: ops.concatenate([]), r"at least one tensor"),
    "concatenate": (lambda: ops.concatenate([leaf([1.0]), leaf([[1.0]])]), r"\(1,\), \(1, 1\)"),
    "where": (lambda: ops.where([True, False], leaf([1.0, 2, 3]), 0), r"where: shapes \(2,\) and \(3,\)"),
    "conv channels": (lambda: ops.conv2d(leaf(np.ones((1, 2, 2, 3))), leaf(np.ones((3, 3, 1, 1)))), r"3 channels.*1"),
    "conv axes": (lambda: ops.conv2d(leaf(np.ones((2, 2, 3))), leaf(np.ones((3, 3, 3, 1)))), r"\(B, H, W, C\)"),
    "pool size": (lambda: ops.max_pool(leaf(np.ones((1, 1, 4, 1)))), r"at least 2 x 2"),
    "dropout rate": (lambda: ops.dropout(leaf([1.0]), 1.0, np.random.default_rng(0)), r"below 1, and got 1.0"),
    "backward of a matrix": (lambda: leaf([1.0, 2]).backward(), r"reduce it with .sum\(\)"),
    "backward shape": (lambda: leaf([1.0, 2]).backward(np.ones(3)), r"own shape \(2,\), and grad has \(3,\)"),
    "backward of a constant": (lambda: Tensor([1.0]).backward(), r"requires_grad=True"),
    "item": (lambda: leaf([1.0, 2]).item(), r"exactly one element"),
    "power": (lambda: leaf([1.0]) ** leaf([2.0]), r"a Python number n"),
    "complex": (lambda: Tensor(np.ones(1, complex)), r"complex128"),
    "text": (lambda: Tensor("one"), r"real numbers"),
    "tensor of a tensor": (lambda: Tensor(leaf([1.0])), r"got a Tensor"),
    "ragged": (lambda: Tensor([[1.0], [1.0, 2.0]]), r"real numbers"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_told_in_one_sentence(name):
    use, message = WRONG[name]
    with pytest.raises((InputError, InputTypeError), match=message):
        use()


def test_a_vjp_of_the_wrong_shape_is_named():
    x = leaf([1.0, 2.0])
    bad = operation("bad", x.data.sum(), (x,), lambda g: (g,))
    with pytest.raises(InputError, match="the vjp of 'bad'"):
        bad.backward()
