"""The paper's standard models in PyTorch, as its users write them: what a training step is measured against."""


def classifier(torch, kernel_size, num_classes, widths, units, layout):
    """The float twin of BCVNN: convolutions with bias and relu, max-pooling, three linear layers, dropout.

    `layout`: torch.contiguous_format or torch.channels_last, the order of its kernels in memory. Called with images
    (B, 3, H, W), it returns logits (B, num_classes).
    """
    nn, channels, layers = torch.nn, 3, []
    for block, filters in enumerate(widths):
        for n_in in (channels, filters):
            layers += [nn.Conv2d(n_in, filters, kernel_size, padding=kernel_size // 2), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if block < len(widths) - 1 else [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        channels = filters
    layers += [nn.Linear(channels, units[0]), nn.ReLU(), nn.Dropout(0.4)]
    layers += [nn.Linear(units[0], units[1]), nn.ReLU(), nn.Dropout(0.3), nn.Linear(units[1], num_classes)]
    return nn.Sequential(*layers).to(memory_format=layout)


def language_model(torch, max_len, emb_dim, num_heads, vocab_size, mlp_units, num_blocks):
    """The float twin of BLM; called with ids (B, T), it returns logits (B, T, vocab_size)."""
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        """Attention, then two linear layers, each added to its input and normalized."""

        def __init__(self):
            super().__init__()
            self.query, self.key, self.value, self.projection = (nn.Linear(emb_dim, emb_dim) for _ in range(4))
            self.ff_in, self.ff_out = nn.Linear(emb_dim, 2 * emb_dim), nn.Linear(2 * emb_dim, emb_dim)
            self.norm_attention, self.norm_ffn = nn.LayerNorm(emb_dim), nn.LayerNorm(emb_dim)

        def forward(self, x):
            batch, length, _ = x.shape
            heads = [layer(x).view(batch, length, num_heads, -1).transpose(1, 2) for layer in self.projections()]
            attended = F.scaled_dot_product_attention(*heads, is_causal=True)
            x = self.norm_attention(x + self.projection(attended.transpose(1, 2).reshape(batch, length, emb_dim)))
            return self.norm_ffn(x + self.ff_out(F.gelu(self.ff_in(x))))

        def projections(self):
            return self.query, self.key, self.value

    class Model(nn.Module):
        """Embedding, blocks, and a head of three linear layers."""

        def __init__(self):
            super().__init__()
            self.tokens, self.positions = nn.Embedding(vocab_size, emb_dim), nn.Embedding(max_len, emb_dim)
            self.norm, self.blocks = nn.LayerNorm(emb_dim), nn.Sequential(*(Block() for _ in range(num_blocks)))
            self.mlp1, self.mlp2 = nn.Linear(emb_dim, mlp_units[0]), nn.Linear(*mlp_units)
            self.output = nn.Linear(mlp_units[1], vocab_size)

        def forward(self, ids):
            x = self.norm(self.tokens(ids) + self.positions.weight[: ids.shape[1]])
            return self.output(F.gelu(self.mlp2(F.gelu(self.mlp1(self.blocks(x))))))

    return Model()


def training_step(torch, model, optimizer, x, labels):
    """A function without arguments that takes one step: forward, cross entropy, backward, optimizer."""

    def step():
        optimizer.zero_grad()
        logits = model(x)
        torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)).backward()
        optimizer.step()

    return step
