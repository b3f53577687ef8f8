"""The checker of lesson 2."""

from minibnn.reading import Wrong, call, number_of

PATIENCE = 500_000  # look-ups of parents; the largest graph here has 5,001 numbers


class Node:
    """A number of the lesson that counts how often anyone asks for its parents or calls its vjp."""

    looks = 0
    backward = False  # whether anyone gave a vjp another slope than 1

    def __init__(self, value, parents=(), slopes=None):
        self.value, self.grad, self._parents, self._slopes = value, 0.0, tuple(parents), slopes

    @property
    def parents(self):
        """What it was computed from."""
        _count()
        return self._parents

    @property
    def vjp(self):
        """None for a leaf."""
        return None if self._slopes is None else self._shares

    def _shares(self, g):
        _count()
        Node.backward |= g != 1
        return tuple(g * slope for slope in self._slopes)

    def __add__(self, other):
        return Node(self.value + other.value, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        return Node(self.value * other.value, (self, other), (other.value, self.value))


def _count():
    Node.looks += 1
    if Node.looks > PATIENCE:
        raise Wrong(
            "this follows every path, and 60 doublings, x = x + x, have 2 ** 60 of them: at a million a second that "
            "takes 36,000 years. Visit each number once, when its sum is complete."
        )


def check(answer):
    """Raise Wrong, with a sentence about the first fault, unless the module `answer` solves the exercise."""
    check_paths(answer)
    check_tangent(answer)
    for name in ("paths", "tangent"):
        check_depth(answer, name)


def check_paths(answer):
    """Small graphs of which one can count the paths by hand, and one of which one cannot."""
    x, other = Node(2.0), Node(5.0)
    y = Node(2.0) * x
    hint = "Start with one way at the root; do not count ways to the other leaf, 2."
    expect(answer, "paths", y, x, 1, "y = 2 * x", hint)
    expect(answer, "paths", x, x, 1, "a root that is the leaf", "From a number to itself there is one way: stay.")
    expect(answer, "paths", x + x, x, 2, "x + x", "x stands twice among the parents, and both ways count.")
    expect(answer, "paths", y + y * y, x, 3, "z = y + y * y with y = 2 * x", uneven("3"))
    expect(answer, "paths", y * y + y, x, 3, "z = y * y + y with y = 2 * x", uneven("3"))
    a = x * x
    b = a + x
    expect(answer, "paths", b * a + b, x, 8, "z = b * a + b with b = a + x, a = x * x", uneven("3 + 2 + 3"))
    expect(answer, "paths", y + y, other, 0, "a leaf that the root was not computed from", "There is no way: 0.")
    expect(answer, "paths", doubled(x, 60), x, 2**60, "60 doublings, x = x + x", "Each doubling doubles the ways.")


def check_tangent(answer):
    """The same for slopes."""
    x, other = Node(2.0), Node(5.0)
    y = Node(2.0) * x
    expect(answer, "tangent", y, x, 2.0, "y = 2 * x at x = 2", "The leaf x has the slope 1, the leaf 2 has 0.")
    expect(answer, "tangent", x, x, 1.0, "a root that is the leaf", "A number changes as fast as it changes: 1.")
    expect(answer, "tangent", x * other, x, 5.0, "x * w at x = 2, w = 5", "Only x is nudged; all other leaves have 0.")
    expect(answer, "tangent", x * other, other, 2.0, "x * w at x = 2, w = 5, to w", "The slope along w is x.")
    expect(answer, "tangent", x * x, x, 4.0, "x * x at x = 2", "x is a parent twice, so that its slope counts twice.")
    hint = "dz/dy = 1 + y + y = 9 and dy/dx = 2; every number needs the sum over all of its parents."
    expect(answer, "tangent", y + y * y, x, 18.0, "z = y + y * y with y = 2 * x at x = 2", hint)
    expect(answer, "tangent", y * y + y, x, 18.0, "z = y * y + y with y = 2 * x at x = 2", hint)
    expect(answer, "tangent", y + y, other, 0.0, "a leaf that the root was not computed from", "Nothing changes: 0.0.")
    expect(answer, "tangent", doubled(x, 60), x, 2.0**60, "60 doublings, x = x + x", "Each doubling doubles the slope.")


def check_depth(answer, name):
    """A chain that is deeper than Python's call stack."""
    x, one = Node(1.0), Node(1.0)
    long = x
    for _ in range(5000):
        long = long + one
    expect(answer, name, long, x, 1, "a chain of 5,000 additions", "Only one way leads back to x, each slope is 1.")


def doubled(x, times):
    """x + x, and that again, so many times."""
    for _ in range(times):
        x = x + x
    return x


def uneven(sum_of_ways):
    """The hint for a graph with a short and a long way to the same number."""
    return f"It is {sum_of_ways}: a number may pass its count on only when all that was computed from it has reported."


def expect(answer, name, root, leaf, want, where, hint):
    """Raise Wrong unless the reader's function returns `want` and leaves the graph as it is."""
    Node.looks, Node.backward = 0, False
    what = f"{name} of {where}"
    got = number_of(call(answer, name, root, leaf, shown=what), what)
    if got != want:
        raise Wrong(f"{what} is {got:g}, expected {want:g}. {hint}")
    if root.grad or leaf.grad:
        raise Wrong(f"{name} changed .grad of a number; keep what you count in a dict of your own.")
    if Node.backward:
        raise Wrong(
            f"{what} is right, but {name} hands slopes on from the root, as `backward` does: go forward from the leaf, "
            "with vjp(1.0) for the slopes of each step."
        )
