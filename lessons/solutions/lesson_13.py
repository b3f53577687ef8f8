"""A solution of lesson 13."""


def blm_parameters(max_len, emb_dim, vocab_size, mlp_units, num_blocks, biases=True):
    """The number of parameters of the language model of Algorithm 8."""

    def full(n_in, n_out):
        return n_in * n_out + (n_out if biases else 0)

    embedding = full(max_len, emb_dim) + full(vocab_size, emb_dim)
    block = 4 * full(emb_dim, emb_dim) + full(emb_dim, 2 * emb_dim) + full(2 * emb_dim, emb_dim)
    head = full(emb_dim, mlp_units[0]) + full(mlp_units[0], mlp_units[1]) + full(mlp_units[1], vocab_size)
    return embedding + num_blocks * block + head


def blocks_that_fit(millions, max_len, emb_dim, vocab_size, mlp_units, biases=True, rounded=False):
    """The numbers of transformer blocks with which a model has as many parameters as a report says."""
    tenths = round(10 * millions)  # whole numbers from here on: 0.1 has no exact float
    fits = []
    for num_blocks in range(1, 101):
        count = blm_parameters(max_len, emb_dim, vocab_size, mlp_units, num_blocks, biases)
        if (count + (50_000 if rounded else 0)) // 100_000 == tenths:
            fits.append(num_blocks)
    return fits
