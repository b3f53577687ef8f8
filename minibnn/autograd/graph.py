"""The graph as text: what was computed from what, in which shape, and where gradients pass straight through."""

from minibnn.autograd.engine import topological_order

NOTES = {
    "straight_through": "bits forward, identity backward",
    "quant": "bits; no gradient",
    "no_gradient": "the gradient stops here",
}


def graph(root, names=None):
    """One line per tensor that `root` was computed from, inputs first, `root` last; print it.

    `root`: a tensor. `names`: pairs (name, tensor), such as `model.named_parameters()`, to label leaves with; a
    tensor's own `name` serves where there is none.

    Constants that no gradient flows through are shown where they enter, but what they were computed from is not
    remembered and so not shown.
    """
    names = {id(tensor): name for name, tensor in (names or ())}
    order = topological_order(root)[::-1]
    numbers = {id(tensor): number for number, tensor in enumerate(order)}
    rows = [("", "operation", "shape", "computed from", "")]
    for tensor in order:
        parents = " ".join(f"#{numbers[id(parent)]}" for parent in tensor.parents)
        rows.append((f"#{numbers[id(tensor)]}", _label(tensor, names), str(tensor.shape), parents, _note(tensor)))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join([*map(str.ljust, row[:4], widths), row[4]]).rstrip() for row in rows)


def _label(tensor, names):
    name = names.get(id(tensor), tensor.name)
    if tensor.operation:
        return f"{tensor.operation} = {name}" if name else tensor.operation
    return name or ("leaf" if tensor.requires_grad else "constant")


def _note(tensor):
    if tensor.operation is None and tensor.requires_grad:
        return "receives a gradient"
    return NOTES.get(tensor.operation, "")
