"""A night's work: random small histories of every model, judged by every algorithm and by trying
every order. Prints who decided how many; where two do not agree, keeps the smallest history that
shows it and exits with 1.

python bench/night.py                              # a million, on two cores
python bench/night.py --cases 20000 --models stack # as many of one model
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHUNK = 250  # histories that a process judges before it tells of them
Tally = Counter[tuple[str, str, str]]  # model, algorithm, verdict


def main() -> None:
    """Judge them all, and print what came of it."""
    _paths()
    asked = _asked()
    chunks = list(_chunks(asked.models, asked.cases, asked.seed))
    tally: Tally = Counter()
    done, begun = 0, time.monotonic()
    with ProcessPoolExecutor(asked.jobs) as pool:
        work = [pool.submit(judge_chunk, *chunk) for chunk in chunks]
        for future in as_completed(work):
            counts, wrong = future.result()
            tally += counts
            if wrong is not None:
                pool.shutdown(wait=False, cancel_futures=True)
                _keep(*wrong)
                sys.exit(1)
            done += CHUNK
            if done % (40 * CHUNK) == 0:
                print(f"{done} in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    _print(tally, time.monotonic() - begun)


def _paths() -> None:
    """Find the package `checker` (not the script beside this one) and the tests' builders."""
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [str(ROOT / "tests/checker"), *(p for p in sys.path if p != here), here]


def _asked() -> argparse.Namespace:
    known = sorted(import_module("checker").MODELS)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000, help="histories in all")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", default="0", help="another seed draws other histories")
    parser.add_argument("--models", nargs="+", choices=known, default=known)
    return parser.parse_args()


def _chunks(models: list[str], cases: int, seed: str) -> Iterator[tuple[str, str, int]]:
    """(model, seed, histories), the models in turn, so that all have been seen early."""
    left = dict.fromkeys(models, -(-cases // len(models)))
    number = 0
    while any(left.values()):
        for model in models:
            count = min(CHUNK, left[model])
            left[model] -= count
            if count:
                yield model, f"{seed}/{number}", count
        number += 1


def judge_chunk(model: str, seed: str, count: int) -> tuple[Tally, Any]:
    """Judge some histories of a model: who said what, and the first disagreement as (model, what is
    wrong, its smallest history's lines, the seed)."""
    _paths()
    agreement = import_module("agreement")
    named = import_module("checker").MODELS[model]()
    tally: Tally = Counter()
    for case in range(count):
        history = draw(model, named, random.Random(f"night/{seed}/{model}/{case}"), case)
        wrong = _wrong(agreement, named, history, tally, model, thorough=case % 4 == 0)
        if wrong:
            small = agreement.smallest(
                history, lambda less: bool(_wrong(agreement, named, less, Counter(), model, True))
            )
            why = _wrong(agreement, named, small, Counter(), model, True) or wrong
            return tally, (model, why, list(small.ops), f"{seed}/{model}/{case}")
    return tally, None


def draw(model: str, named: Any, rng: random.Random, case: int) -> Any:
    """A history, every third with the dice that some models have of their own."""
    oracle = import_module("oracle")
    most = rng.choice((4, 6, 8, 8, 9))
    if case % 3 == 0 and model in oracle.DICE:
        return oracle.Dice(rng, named, model).history(most)
    return import_module("drawn").Drawn(rng, named).history(most)


def _wrong(
    agreement: Any, named: Any, history: Any, tally: Tally, model: str, thorough: bool
) -> str | None:
    """How algorithms disagree about a history; a crash is a disagreement, too."""
    try:
        judged = agreement.judge(named, history, thorough)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    tally[model, "histories", "valid" if judged.valid else "invalid"] += 1
    for name, said in judged.by.items():
        tally[model, name, "valid" if said.valid else "invalid"] += 1
    wrong: str | None = judged.wrong
    return wrong


def _keep(model: str, wrong: str, ops: list[Any], seed: str) -> None:
    """Write the smallest history down, and say how to look at it."""
    folder = ROOT / "results/night"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{model}-{seed.replace('/', '-')}.jsonl"
    import_module("harness.history").dump_jsonl(ops, path)
    print(f"{model}: {wrong}\n  {path} ({len(ops)} lines), seed {seed}")
    print(path.read_text(), end="")
    print(f"  weaklink check {path} --model {model}")


def _print(tally: Tally, seconds: float) -> None:
    """Counts by model, algorithm and verdict."""
    total = sum(count for (_, name, _), count in tally.items() if name == "histories")
    names = sorted({key[:2] for key in tally}, key=lambda key: (key[0], key[1] != "histories", key))
    print(f"{'model':<20} {'algorithm':<36} {'valid':>9} {'invalid':>9}")
    for model, name in names:
        valid, invalid = tally[model, name, "valid"], tally[model, name, "invalid"]
        print(f"{model:<20} {name:<36} {valid:>9} {invalid:>9}")
    print(f"{total} histories in {seconds:.0f} s, every algorithm agrees with trying every order")


if __name__ == "__main__":
    main()
