"""Plausible wrong answers of lesson 13, and a phrase of the sentence that each must get."""


def _count(max_len, emb_dim, vocab_size, mlp_units, num_blocks, biases, attention=4, wide=2, positions=1, output=1):
    def full(n_in, n_out):
        return n_in * n_out + (n_out if biases else 0)

    embedding = positions * full(max_len, emb_dim) + full(vocab_size, emb_dim)
    block = attention * full(emb_dim, emb_dim) + full(emb_dim, wide * emb_dim) + full(wide * emb_dim, emb_dim)
    head = full(emb_dim, mlp_units[0]) + full(*mlp_units) + output * full(mlp_units[1], vocab_size)
    return embedding + num_blocks * block + head


def without_biases(*sizes_and_blocks_and_biases):
    return _count(*sizes_and_blocks_and_biases[:5], False)


def always_with_biases(*sizes_and_blocks_and_biases):
    return _count(*sizes_and_blocks_and_biases[:5], True)


def without_positions(*arguments):
    return _count(*arguments, positions=0)


def without_projection(*arguments):
    return _count(*arguments, attention=3)


def with_narrow_layers(*arguments):
    return _count(*arguments, wide=1)


def without_output(*arguments):
    return _count(*arguments, output=0)


def of_one_block(max_len, emb_dim, vocab_size, mlp_units, num_blocks, biases):
    return _count(max_len, emb_dim, vocab_size, mlp_units, 1, biases)


def as_a_float(*arguments):
    return float(_count(*arguments))


def _fits(agrees, sizes, biases):
    return [blocks for blocks in range(1, 101) if agrees(_count(*sizes, blocks, biases) / 1e6)]


def always_rounding(millions, *sizes, biases=True, rounded=False):
    sizes, flags = sizes[:4], sizes[4:]
    return _fits(lambda count: round(count, 1) == millions, sizes, flags[0] if flags else biases)


def always_cutting(millions, *sizes, biases=True, rounded=False):
    sizes, flags = sizes[:4], sizes[4:]
    return _fits(lambda count: int(count * 10) == round(millions * 10), sizes, flags[0] if flags else biases)


def the_first(millions, max_len, emb_dim, vocab_size, mlp_units, biases=True, rounded=False):
    fits = always_cutting(millions, max_len, emb_dim, vocab_size, mlp_units, biases)
    return fits[0] if fits else None


def the_nearest(millions, max_len, emb_dim, vocab_size, mlp_units, biases=True, rounded=False):
    sizes = (max_len, emb_dim, vocab_size, mlp_units)
    return [min(range(1, 101), key=lambda blocks: abs(_count(*sizes, blocks, biases) / 1e6 - millions))]


WRONG = {
    "forgets the biases": ({"blm_parameters": without_biases}, "the biases are missing"),
    "always counts biases": ({"blm_parameters": always_with_biases}, "weights only"),
    "forgets the positions": ({"blm_parameters": without_positions}, "embedding of positions"),
    "forgets the projection": ({"blm_parameters": without_projection}, "the projection counts too"),
    "takes D for the width after attention": ({"blm_parameters": with_narrow_layers}, "from D to 2 D and back"),
    "forgets the last layer": ({"blm_parameters": without_output}, "the last layer"),
    "counts one block": ({"blm_parameters": of_one_block}, "multiply by num_blocks"),
    "returns a float": ({"blm_parameters": as_a_float}, "should be an int"),
    "always rounds": ({"blocks_that_fit": always_rounding}, "cut off"),
    "always cuts off": ({"blocks_that_fit": always_cutting}, "rounded to the nearest"),
    "returns one number": ({"blocks_that_fit": the_first}, "a list of whole numbers"),
    "takes the nearest": ({"blocks_that_fit": the_nearest}, "nothing fits"),
}
