from hypothesis import given
from hypothesis import strategies as st

from ontogeny.core.seeds import derive_seed, numpy_generator


@given(st.integers(0, 2**63 - 1), st.lists(st.text(max_size=5), max_size=3))
def test_children_fit_63_bits_and_repeat(seed: int, names: list[str]) -> None:
    child = derive_seed(seed, *names)
    assert 0 <= child < 2**63
    assert child == derive_seed(seed, *names)


def test_every_name_has_a_child_of_its_own() -> None:
    children = {
        derive_seed(seed, name, epoch) for seed in range(20) for name in "abcdefghij" for epoch in range(20)
    }
    assert len(children) == 4000
    assert derive_seed(1, "ab") != derive_seed(1, "a", "b")


def test_generators_are_independent_of_each_other() -> None:
    first = numpy_generator(3, "rows").integers(0, 1000, 5).tolist()
    numpy_generator(3, "other").integers(0, 1000, 5)
    assert numpy_generator(3, "rows").integers(0, 1000, 5).tolist() == first
