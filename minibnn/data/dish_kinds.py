"""The kinds of drawn dishes: one short function each, with the brush and the colours they share."""

import math

DOUGH = [(226, 178, 110), (205, 146, 78), (238, 200, 140), (181, 118, 60), (214, 165, 105)]
SWEET = [(244, 160, 190), (105, 60, 35), (250, 244, 232), (170, 222, 180), (250, 222, 130), (150, 90, 160)]
GREEN = [(92, 160, 60), (130, 190, 70), (50, 120, 50), (165, 205, 95)]
WARM = [(206, 60, 44), (232, 120, 50), (244, 184, 60), (178, 40, 50), (240, 150, 110)]
CHEESE = [(250, 212, 110), (246, 196, 80), (252, 228, 160)]
MEAT = [(110, 66, 42), (140, 80, 50), (90, 52, 36)]
WHITE = [(252, 250, 244), (244, 240, 228), (236, 236, 240)]
DARK = [(34, 40, 38), (46, 44, 50), (60, 46, 40)]
TABLE = [(120, 80, 50), (180, 140, 95), (90, 110, 140), (200, 200, 195), (150, 60, 60), (70, 110, 80), (60, 60, 70)]
CIRCLE = [(math.cos(i * math.pi / 10), math.sin(i * math.pi / 10)) for i in range(20)]


class Brush:
    """Draws in the dish's own coordinates: the origin is its middle, 1 its radius, y points down, turned as a whole."""

    def __init__(self, draw, x, y, radius, turn, ground):
        self.draw, self.x, self.y, self.radius = draw, x, y, radius
        self.ground = ground  # the colour that shows through a hole in the dish
        self.cos, self.sin = radius * math.cos(turn), radius * math.sin(turn)

    def place(self, points):
        """Return the canvas coordinates of points in the dish's."""
        x, y, cos, sin = self.x, self.y, self.cos, self.sin
        return [(x + cos * u - sin * v, y + sin * u + cos * v) for u, v in points]

    def disc(self, u, v, radius, colour):
        """Fill a circle."""
        ((x, y),) = self.place([(u, v)])
        r = radius * self.radius
        self.draw.ellipse((x - r, y - r, x + r, y + r), colour)

    def oval(self, u, v, width, height, colour, turn=0.0):
        """Fill an ellipse with these half axes, turned by an angle."""
        cos, sin = math.cos(turn), math.sin(turn)
        self.shape(
            [(u + width * a * cos - height * b * sin, v + width * a * sin + height * b * cos) for a, b in CIRCLE],
            colour,
        )

    def shape(self, points, colour):
        """Fill a polygon."""
        self.draw.polygon(self.place(points), colour)

    def box(self, left, top, right, bottom, colour):
        """Fill an upright rectangle."""
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def line(self, points, width, colour):
        """Stroke a line through points."""
        self.draw.line(self.place(points), colour, max(1, round(width * self.radius)), joint="curve")

    def blob(self, u, v, radius, colour, rng, wobble=0.12):
        """Fill a circle whose edge waves, as dough, egg or sauce does."""
        waves = [(k, rng.uniform(-wobble, wobble) / k * 2, rng.uniform(0, 6.3)) for k in (2, 3, 5)]
        points = []
        for i, (a, b) in enumerate(CIRCLE):
            r = radius * (1 + sum(size * math.sin(k * i * math.pi / 10 + phase) for k, size, phase in waves))
            points.append((u + r * a, v + r * b))
        self.shape(points, colour)


def pick(rng, palette, spread=16):
    """Return one of the colours, a little different each time."""
    return near(rng, palette[int(rng.random() * len(palette))], spread)


def near(rng, colour, spread=16):
    """Return a colour up to `spread` away in each channel."""
    return tuple([min(255, max(0, int(part + spread * (2 * rng.random() - 1)))) for part in colour])


def shade(colour, factor):
    """Return the colour darker (factor below 1) or lighter."""
    return tuple([min(255, int(part * factor)) for part in colour])


def scatter(rng, count, radius):
    """Return `count` points spread evenly over a disc, by the golden angle and a little disorder."""
    start, points = rng.uniform(0, 6.3), []
    for i in range(count):
        r, angle = radius * math.sqrt((i + rng.random()) / count), start + 2.4 * i
        points.append((r * math.cos(angle), r * math.sin(angle)))
    return points


def _pizza(brush, rng):
    crust = pick(rng, DOUGH)
    brush.blob(0, 0, 1, crust, rng, 0.03)
    brush.blob(0, 0, 0.84, pick(rng, WARM), rng, 0.05)
    cheese, topping = pick(rng, CHEESE), pick(rng, WARM + MEAT + GREEN)
    for u, v in scatter(rng, 7, 0.7):
        brush.blob(u, v, 0.28, cheese, rng, 0.2)
    for u, v in scatter(rng, rng.randint(5, 9), 0.68):
        brush.disc(u, v, 0.15, shade(topping, 0.75))
        brush.disc(u, v, 0.12, topping)
    for k in range(rng.randint(2, 3)):
        angle = k * 1.05
        a, b = math.cos(angle), math.sin(angle)
        brush.line([(-a, -b), (a, b)], 0.05, shade(crust, 0.6))


def _sushi(brush, rng):
    nori, rice = pick(rng, DARK), pick(rng, WHITE)
    fillings = [pick(rng, WARM + GREEN + CHEESE) for _ in range(2)]
    columns, rows = rng.choice([(3, 2), (2, 2), (3, 3), (4, 2), (3, 1)])
    radius = 0.9 / max(columns, rows)
    for i in range(columns):
        for j in range(rows):
            u, v = (2 * i - columns + 1) * radius * 1.08, (2 * j - rows + 1) * radius * 1.08
            brush.disc(u + 0.04, v + 0.06, radius, shade(nori, 0.5))
            brush.disc(u, v, radius, nori)
            brush.disc(u, v, radius * 0.8, rice)
            brush.disc(u, v, radius * 0.38, fillings[(i + j) % 2])


def _burger(brush, rng):
    bun, leaf = pick(rng, DOUGH), pick(rng, GREEN)
    brush.oval(0, 0.62, 0.92, 0.3, shade(bun, 0.9))
    brush.box(-0.92, 0.4, 0.92, 0.62, bun)
    for layer in range(rng.randint(1, 2)):
        v = 0.4 - 0.3 * layer
        brush.box(-0.95, v - 0.16, 0.95, v + 0.06, pick(rng, MEAT))
        cheese = pick(rng, CHEESE + WARM)
        brush.shape([(-0.95, v - 0.2), (0.95, v - 0.2), (0.45, v - 0.02), (0.1, v - 0.16), (-0.4, v - 0.02)], cheese)
    v -= 0.22
    for k in range(8):
        brush.disc(-0.9 + k * 0.26, v, 0.12, leaf if k % 2 else shade(leaf, 0.85))
    brush.shape([(a * 0.95, v + min(0, b) * 0.8) for a, b in CIRCLE], bun)
    for u, w in scatter(rng, rng.randint(0, 9), 0.6):
        brush.oval(u, v - 0.4 + w * 0.4, 0.06, 0.04, shade(bun, 1.3))


def _salad(brush, rng):
    bowl = pick(rng, WHITE + SWEET + DARK + TABLE, 24)
    brush.disc(0, 0, 1, bowl)
    brush.disc(0, 0, 0.88, shade(bowl, 0.75))
    for u, v in scatter(rng, 14, 0.72):
        turn, leaf = rng.uniform(0, 6.3), pick(rng, GREEN, 30)
        brush.oval(u, v, 0.32, 0.15, leaf, turn)
        a, b = 0.28 * math.cos(turn), 0.28 * math.sin(turn)
        brush.line([(u - a, v - b), (u + a, v + b)], 0.04, shade(leaf, 1.35))
    extra = pick(rng, WARM + WHITE + CHEESE)
    for u, v in scatter(rng, rng.randint(3, 6), 0.65):
        turn = rng.uniform(0, 6.3)
        wedge = [(u + 0.2 * math.cos(turn + t), v + 0.2 * math.sin(turn + t)) for t in (0, 0.8, 1.6, 2.4, 3.14)]
        brush.shape(wedge, extra)


def _soup(brush, rng):
    bowl, soup = pick(rng, WHITE + SWEET + DARK + TABLE, 24), pick(rng, WARM + GREEN + CHEESE + MEAT)
    for end in (-1, 1) if rng.random() < 0.4 else ():
        brush.oval(end * 1.02, 0, 0.2, 0.16, shade(bowl, 0.8))
    brush.disc(0, 0, 1, bowl)
    brush.disc(0, 0, 0.86, shade(bowl, 0.7))
    brush.disc(0.02, 0.03, 0.8, soup)
    brush.oval(-0.2, -0.25, 0.42, 0.26, shade(soup, 1.12), 0.7)
    garnish = pick(rng, GREEN + WHITE + WARM)
    for u, v in scatter(rng, rng.randint(2, 7), 0.5):
        brush.oval(u, v, 0.1, 0.06, garnish, rng.uniform(0, 3))
    if rng.random() < 0.6:
        steel = (196, 198, 204)
        brush.line([(0.25, 0.1), (1.35, 0.55)], 0.1, steel)
        brush.oval(0.25, 0.1, 0.24, 0.15, steel, 0.4)
        brush.oval(0.25, 0.1, 0.17, 0.1, shade(soup, 0.85), 0.4)


def _donut(brush, rng):
    dough, icing = pick(rng, DOUGH), pick(rng, SWEET)
    brush.disc(0, 0, 1, dough)
    brush.blob(0, 0, 0.88, icing, rng, 0.05)
    brush.blob(0, 0, 0.8, shade(icing, 1.08), rng, 0.05)
    for _ in range(rng.choice([0, 14, 22])):
        angle, r, turn = rng.uniform(0, 6.3), rng.uniform(0.48, 0.76), rng.uniform(0, 6.3)
        u, v, a, b = r * math.cos(angle), r * math.sin(angle), 0.06 * math.cos(turn), 0.06 * math.sin(turn)
        brush.line([(u - a, v - b), (u + a, v + b)], 0.05, pick(rng, SWEET + WARM + GREEN))
    hole = rng.uniform(0.3, 0.38)
    brush.disc(0, 0, hole, shade(dough, 0.85))
    brush.disc(0.03, 0.03, hole - 0.07, brush.ground)


def _fried_egg(brush, rng):
    if rng.random() < 0.5:
        iron = pick(rng, DARK)
        brush.line([(0, 0), (2.2, 0)], 0.28, shade(iron, 0.8))
        brush.disc(0, 0, 1.15, shade(iron, 1.4))
        brush.disc(0, 0, 1.03, iron)
    eggs = rng.choice([1, 1, 2])
    for k in range(eggs):
        u = 0 if eggs == 1 else 0.85 * k - 0.42
        white, r = pick(rng, WHITE), 0.85 if eggs == 1 else 0.55
        brush.blob(u, 0, r, shade(white, 0.85), rng, 0.16)
        brush.blob(u, 0, r * 0.94, white, rng, 0.16)
        a, b = rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.12)
        yolk = pick(rng, CHEESE + WARM[1:3])
        brush.disc(u + a, b, r * 0.4, shade(yolk, 0.85))
        brush.disc(u + a, b, r * 0.36, yolk)
        brush.disc(u + a - r * 0.12, b - r * 0.12, r * 0.09, (255, 252, 230))


def _ice_cream(brush, rng):
    cone = pick(rng, DOUGH)
    brush.shape([(-0.5, -0.05), (0.5, -0.05), (0, 1.15)], cone)
    for k in range(-2, 3):
        brush.line([(k * 0.2 - 0.1, -0.05), (k * 0.06 + 0.2, 0.5)], 0.04, shade(cone, 0.75))
        brush.line([(k * 0.2 + 0.1, -0.05), (k * 0.06 - 0.2, 0.5)], 0.04, shade(cone, 0.75))
    spots = rng.choice([[(0, -0.3)], [(0, -0.2), (0, -0.75)], [(-0.3, -0.2), (0.3, -0.2), (0, -0.65)]])
    for u, v in spots:
        scoop = pick(rng, SWEET)
        for k in (-1, 0, 1):
            brush.disc(u + k * 0.25, v + 0.22, 0.18, shade(scoop, 0.88))
        brush.disc(u, v, 0.42, scoop)
        brush.disc(u - 0.14, v - 0.14, 0.12, shade(scoop, 1.2))
    if rng.random() < 0.4:
        brush.disc(u, v - 0.45, 0.12, pick(rng, WARM))


def _cake(brush, rng):
    icing, crumb, filling = pick(rng, SWEET), pick(rng, DOUGH + SWEET), pick(rng, SWEET + WARM)
    top = rng.uniform(-0.35, -0.1)
    brush.shape([(-1, top), (0.75, top - 0.4), (1, top)], icing)
    brush.shape([(-1, top), (1, top), (1, 0.85), (-1, 0.85)], crumb)
    layers = rng.randint(1, 3)
    for k in range(1, layers + 1):
        v = top + (0.85 - top) * k / (layers + 1)
        brush.box(-1, v - 0.06, 1, v + 0.06, filling)
    brush.box(-1, top, 1, top + 0.14, shade(icing, 0.9))
    brush.box(0.88, top, 1, 0.85, shade(icing, 0.85))
    for k in range(rng.randint(0, 2)):
        brush.disc(0.45 - 0.5 * k, top - 0.26 + 0.1 * k, 0.16, pick(rng, WARM))


def _tacos(brush, rng):
    count = rng.choice([1, 2, 2, 3])
    for k in range(count):
        shell, v = pick(rng, DOUGH + CHEESE), 0.5 if count == 1 else 0.1 + 0.35 * k
        u, r = 0.16 * (k - (count - 1) / 2), 0.95 if count == 1 else 0.8
        brush.shape([(u + a * r, v + min(0.05, b) * r * 1.05) for a, b in CIRCLE], shade(shell, 0.75))
        for a, b in CIRCLE[10:20]:
            brush.blob(u + a * r * 0.86, v + b * r * 0.92, 0.16, pick(rng, GREEN + WARM + MEAT), rng, 0.2)
        brush.shape([(u + a * r * 0.98 - 0.04, v + min(0.05, b) * r * 0.85 + 0.06) for a, b in CIRCLE], shell)
        for _ in range(5):
            angle, w = rng.uniform(3.4, 6), rng.uniform(0.2, 0.6) * r
            brush.disc(u + w * math.cos(angle), v + w * math.sin(angle), 0.05, shade(shell, 0.82))


def _fries(brush, rng):
    paper, fry = pick(rng, WARM + WHITE + TABLE + SWEET), pick(rng, CHEESE + DOUGH)
    for k in range(9):
        u, lean = -0.6 + 0.15 * k, rng.uniform(-0.1, 0.1) + (k - 4) * 0.06
        top = rng.uniform(-1, -0.45)
        tone = near(rng, shade(fry, 0.85 if k % 2 else 1.0), 10)
        brush.shape([(u - 0.08, 0.3), (u + 0.08, 0.3), (u + lean + 0.1, top), (u + lean - 0.06, top - 0.04)], tone)
    brush.shape([(-0.75, -0.15), (-0.35, 0.08), (0, 0.14), (0.35, 0.08), (0.75, -0.15), (0.55, 1), (-0.55, 1)], paper)
    stripe = pick(rng, WHITE + WARM)
    for u in (-0.35, 0, 0.35) if rng.random() < 0.6 else ():
        brush.shape([(u * 1.1 - 0.07, 0.2), (u * 1.1 + 0.07, 0.2), (u + 0.05, 0.98), (u - 0.05, 0.98)], stripe)


def _skewers(brush, rng):
    count = rng.randint(2, 3)
    for k in range(count):
        v = (k - (count - 1) / 2) * 0.6
        brush.line([(-1.2, v), (1.2, v)], 0.07, pick(rng, DOUGH))
        pieces = [pick(rng, MEAT + WARM), pick(rng, GREEN + WARM + CHEESE + WHITE)]
        for i in range(6):
            u, colour = -0.78 + 0.31 * i, near(rng, pieces[i % 2], 12)
            if i % 2:
                brush.oval(u, v, 0.12, 0.24, colour)
            else:
                brush.blob(u, v, 0.21, colour, rng, 0.15)


# In the order of the labels. True: seen from the side, so it stands upright; False: seen from above, at any angle.
DISHES = {
    "pizza": (_pizza, False),
    "sushi": (_sushi, False),
    "burger": (_burger, True),
    "salad": (_salad, False),
    "soup": (_soup, False),
    "donut": (_donut, False),
    "fried_egg": (_fried_egg, False),
    "ice_cream": (_ice_cream, True),
    "cake": (_cake, True),
    "tacos": (_tacos, True),
    "fries": (_fries, True),
    "skewers": (_skewers, False),
}
