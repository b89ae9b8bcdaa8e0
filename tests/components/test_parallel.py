"""The order and the limits of per-image work."""

from concurrent.futures import ThreadPoolExecutor

from components.parallel import in_order


def test_results_come_in_order_and_few_are_begun_ahead():
    begun = []
    with ThreadPoolExecutor(2) as threads:
        for number, result in enumerate(
            in_order(threads, lambda item: begun.append(item) or item, range(20), 3)
        ):
            assert result == number
            assert len(begun) <= number + 4
