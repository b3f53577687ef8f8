"""Photos and text as arrays: Food-101 folders, WikiText files, WordPiece, and data that needs no download."""

from minibnn.data.dishes import draw_dishes
from minibnn.data.food101 import read_food101
from minibnn.data.image_set import ImageSet, random_flips, to_float
from minibnn.data.photos import read_photo
from minibnn.data.python_help import builtin_text
from minibnn.data.text import (
    batches_by_length,
    padding_share,
    sentence_rows,
    split_list,
    split_text,
    token_blocks,
)
from minibnn.data.token_cache import wikitext_ids
from minibnn.data.wikitext import read_wikitext, running_text, sentences
from minibnn.data.wordpiece import WordPiece

__all__ = [
    "ImageSet",
    "WordPiece",
    "batches_by_length",
    "builtin_text",
    "draw_dishes",
    "padding_share",
    "random_flips",
    "read_food101",
    "read_photo",
    "read_wikitext",
    "running_text",
    "sentence_rows",
    "sentences",
    "split_list",
    "split_text",
    "to_float",
    "token_blocks",
    "wikitext_ids",
]
