import pytest

from ontogeny.data.pii.checksums import IBAN_LENGTHS, is_card, is_iban, passes_luhn


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "6011000990139424",
        "30569309025904",
        "3530111333300000",
        "6200000000000005",
        "6759649826438453",
    ],
)
def test_test_numbers_of_issuers_are_cards(number: str) -> None:
    assert is_card(number)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not is_card(wrong)


@pytest.mark.parametrize("number", ["0000000000000000", "9999999999999995", "411111111111111", "79927398713"])
def test_other_numbers_are_none(number: str) -> None:
    assert not is_card(number)


def test_luhn_follows_the_standards_example() -> None:
    assert passes_luhn("79927398713")
    assert [digit for digit in "0123456789" if passes_luhn("7992739871" + digit)] == ["3"]


@pytest.mark.parametrize(
    "account",
    [
        "GB82WEST12345698765432",
        "DE89370400440532013000",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "gb82west12345698765432",
    ],
)
def test_examples_of_the_registry_are_ibans(account: str) -> None:
    assert is_iban(account)
    assert not is_iban(account[:-1] + ("1" if account[-1] != "1" else "2"))
    assert not is_iban(account[:-1])


def test_an_unknown_country_has_no_iban() -> None:
    assert not is_iban("ZZ82WEST12345698765432")
    assert not is_iban("")
    assert all(15 <= length <= 33 for length in IBAN_LENGTHS.values())
