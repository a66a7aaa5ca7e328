"""The score of crops in the plainest way: loops over features, one pair of rows at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shards.families.base import Row


@dataclass(frozen=True)
class Feature:
    code: int
    word: int
    weak: tuple[int, int, int]
    box: tuple[int, int]
    x: float
    y: float
    size: int
    angle: int


def features(row: Row) -> list[Feature]:
    found = []
    for data in row["features"][: int(row["count"])].astype(np.uint8):
        code, packed = int.from_bytes(data[:8].tobytes(), "little"), int.from_bytes(data[10:].tobytes(), "little")
        x, y = int(data[8]), int(data[9])
        found.append(
            Feature(
                code,
                code >> 1 & 0xFFFF,
                (packed >> 12 & 15, packed >> 16 & 15, packed >> 20),
                (x, y),
                x / 255 * int(row["width"]),
                y / 255 * int(row["height"]),
                packed & 63,
                packed >> 6 & 63,
            )
        )
    return found


def table(value: float) -> float:
    return round(value, 12)


def matches(asked: list[Feature], stored: list[Feature]) -> list[tuple[int, int]]:
    found = []
    for i, one in enumerate(asked):
        words = {one.word ^ sum({1 << bit for bit in chosen}) for chosen in subsets(one.weak)}
        for j, other in enumerate(stored):
            bits = (one.code ^ other.code).bit_count()
            if other.word in words and bits <= 10:
                found.append((bits, i, other.code, j))
    return [(i, j) for _, i, _, j in sorted(found)[:64]]


def subsets(weak: tuple[int, int, int]) -> list[list[int]]:
    return [[bit for place, bit in enumerate(weak) if number >> place & 1] for number in range(8)]


def agreeing(query: Row, row: Row) -> int:
    asked, stored = features(query), features(row)
    pairs = [(asked[i], stored[j], i, j) for i, j in matches(asked, stored)]

    def fits(pair: tuple[Feature, Feature, int, int], mx: float, my: float) -> bool:
        square, larger, turned = mx * mx + my * my, pair[0].size - pair[1].size, (pair[0].angle - pair[1].angle) % 64
        low, high = table(2 ** ((larger - 4) / 4)), table(2 ** ((larger + 4) / 4))
        along = mx * table(math.cos(2 * math.pi * turned / 64)) + my * table(math.sin(2 * math.pi * turned / 64))
        return low < square < high and along > table(math.cos(math.radians(26))) * math.sqrt(square)

    ways = []
    for a, (q, d, i, j) in enumerate(pairs):
        for p, e, k, m in pairs[a + 1 :]:
            turned = (q.angle - d.angle - p.angle + e.angle) % 64
            if i == k or j == m or abs(q.size - d.size - p.size + e.size) >= 4 or min(turned, 64 - turned) > 4:
                continue
            dx, dy, qx, qy = e.x - d.x, e.y - d.y, p.x - q.x, p.y - q.y
            if not (dx * dx + dy * dy > 64 and qx * qx + qy * qy > 16):
                continue
            mx, my = (qx * dx + qy * dy) / (dx * dx + dy * dy), (qy * dx - qx * dy) / (dx * dx + dy * dy)
            if fits((q, d, i, j), mx, my) and fits((p, e, k, m), mx, my):
                ways.append((q, d, mx, my))

    def agree(way: tuple[Feature, Feature, float, float]) -> list[int]:
        q, d, mx, my = way
        inside = []
        for number, pair in enumerate(pairs):
            x, y = pair[1].x - d.x, pair[1].y - d.y
            off_x, off_y = mx * x - my * y + q.x - pair[0].x, mx * y + my * x + q.y - pair[0].y
            if off_x * off_x + off_y * off_y < 81 * (mx * mx + my * my) and fits(pair, mx, my):
                inside.append(number)
        return inside

    best = 0
    ranked = sorted(((len(agree(way)), -number) for number, way in enumerate(ways[:500])), reverse=True)
    for _, number in ranked[:8]:
        way = ways[-number]
        square = way[2] * way[2] + way[3] * way[3]
        taken: list[tuple[Feature, Feature, int, int]] = []
        for pair in (pairs[at] for at in agree(way)):
            if all(are_apart(pair, other, square) for other in taken):
                taken.append(pair)
        across, down = (
            max(pair[1].box[axis] for pair in taken) - min(pair[1].box[axis] for pair in taken) for axis in (0, 1)
        )
        if across * down * 100 >= int(query["min_share"]) * 255 * 255:
            best = max(best, len(taken))
    return best


def are_apart(one: tuple[Feature, Feature, int, int], other: tuple[Feature, Feature, int, int], square: float) -> bool:
    if one[2] == other[2] or one[3] == other[3]:
        return False
    stored_x, stored_y = one[1].x - other[1].x, one[1].y - other[1].y
    asked_x, asked_y = one[0].x - other[0].x, one[0].y - other[0].y
    return stored_x * stored_x + stored_y * stored_y >= 9 and asked_x * asked_x + asked_y * asked_y >= 9 * square


def score(query: Row, row: Row) -> float:
    is_equal = all(int(query[name]) == int(row[name]) for name in ("count", "width", "height"))
    if is_equal and row["count"] > 0 and query["features"][:48].tobytes() == row["features"].tobytes():
        return 100.0
    return min(99.9, 100 * (1 - 2 ** (-agreeing(query, row) / 4)))
