"""Where the data sets come from: addresses, sizes, checksums and licences.

Where a data set is known at two addresses, they are tried in turn. Both are of the same host, as no other that serves
the very same bytes is known to us; `--url` names a mirror of your own.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """A file on a server.

    Args:
        name: of the file, as it is kept here.
        urls: its addresses (tuple of str, http or https), tried in turn.
        size: in bytes; None if it is not known, which leaves what the server says.
        sha256: its checksum in 64 hexadecimal digits; None if it is not known: then nothing is compared.
        licence: what may be done with it, in a sentence.
        begins: the first bytes of such a file; anything else is refused at once.
        md5: shown, and not compared: sha256 says more.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    licence: str = "not known"
    begins: bytes = b""
    md5: str | None = None


FOOD101 = RemoteFile(
    name="food-101.tar.gz",
    urls=(
        "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
        "https://data.vision.ee.ethz.ch/cvl/food-101.tar.gz",
    ),
    size=4_996_278_331,
    sha256="d97d15e438b7f4498f96086a4f7e2fa42a32f2712e87d3295441b2b6314053a4",
    licence="research use only; the photos belong to their owners on Foodspotting (Bossard et al., 2014)",
    begins=b"\x1f\x8b",
    md5="85eeb15f3717b99a5da872d97d918f87",
)

_WIKITEXT_LICENCE = "CC BY-SA 3.0; text of Wikipedia's authors (Merity et al., arXiv 1609.07843)"
WIKITEXT = {
    "2": RemoteFile(
        name="wikitext-2-raw-v1.zip",
        urls=("https://wikitext.smerity.com/wikitext-2-raw-v1.zip",),
        size=4_721_645,
        sha256="ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11",
        licence=_WIKITEXT_LICENCE,
        begins=b"PK",
    ),
    "103": RemoteFile(
        name="wikitext-103-raw-v1.zip",
        urls=("https://wikitext.smerity.com/wikitext-103-raw-v1.zip",),
        size=191_984_949,
        sha256="91c00ae287f0d699e18605c84afc9e45c192bc6b7797ff8837e5474655a33794",
        licence=_WIKITEXT_LICENCE,
        begins=b"PK",
    ),
}

BERT_VOCAB = RemoteFile(
    name="vocab.txt",
    urls=("https://huggingface.co/google-bert/bert-base-uncased/resolve/main/vocab.txt",),
    size=231_508,
    sha256="07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    licence="Apache-2.0 (Devlin et al., arXiv 1810.04805)",
)

# In the order of the archive's meta/classes.txt. It is needed here because the list may lie at the archive's end.
_NAMES = """
apple_pie baby_back_ribs baklava beef_carpaccio beef_tartare beet_salad beignets bibimbap bread_pudding
breakfast_burrito bruschetta caesar_salad cannoli caprese_salad carrot_cake ceviche cheesecake cheese_plate
chicken_curry chicken_quesadilla chicken_wings chocolate_cake chocolate_mousse churros clam_chowder club_sandwich
crab_cakes creme_brulee croque_madame cup_cakes deviled_eggs donuts dumplings edamame eggs_benedict escargots
falafel filet_mignon fish_and_chips foie_gras french_fries french_onion_soup french_toast fried_calamari fried_rice
frozen_yogurt garlic_bread gnocchi greek_salad grilled_cheese_sandwich grilled_salmon guacamole gyoza hamburger
hot_and_sour_soup hot_dog huevos_rancheros hummus ice_cream lasagna lobster_bisque lobster_roll_sandwich
macaroni_and_cheese macarons miso_soup mussels nachos omelette onion_rings oysters pad_thai paella pancakes
panna_cotta peking_duck pho pizza pork_chop poutine prime_rib pulled_pork_sandwich ramen ravioli red_velvet_cake
risotto samosa sashimi scallops seaweed_salad shrimp_and_grits spaghetti_bolognese spaghetti_carbonara spring_rolls
steak strawberry_shortcake sushi tacos takoyaki tiramisu tuna_tartare waffles
"""
FOOD101_CLASSES = tuple(_NAMES.split())
