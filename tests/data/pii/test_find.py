import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ontogeny.data.pii.find import count_pii, find_pii, mask_found
from ontogeny.data.pii.kinds import KINDS, PLACEHOLDERS
from ontogeny.data.texts import Texts

RANDOM = "9aK3xQ7mZ1pR5tW8vB2nC4dF6gH0jL"
"""Stands for the random part of a token, so that no file here holds one."""

JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0In0." + RANDOM
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + "MIIEow" * 20 + "\n-----END RSA " + "PRIVATE KEY-----"


def masked(text: str) -> str:
    texts = Texts.of([text])
    return mask_found(texts, find_pii(texts)).strings()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to Jo.Doe+x@mail.example.org.", "Write to <EMAIL>."),
        ("<a_b@x-y.co>, (c@d.museum)", "<<EMAIL>>, (<EMAIL>)"),
        ("ping 8.8.8.8 or 2606:2800:220:1::1946!", "ping <IP> or <IP>!"),
        ("http://93.184.216.34:80/ and 93.184.216.34/24", "http://<IP>:80/ and <IP>/24"),
        ("call 415 555 2671 now", "call <PHONE> now"),
        ("+44 20 7946 0958, +49 (0)30 1234-5678", "<PHONE>, <PHONE>"),
        ("+14155552671 x12", "<PHONE>"),
        ("(415) 555-2671 or 415.555.2671 ext. 4", "<PHONE> or <PHONE>"),
        ("01 84 17 61 18; 0494 92 82 32; 001-518-640-0854", "<PHONE>; <PHONE>; <PHONE>"),
        ("5551234 home", "<PHONE> home"),
        ("card 4111 1111 1111 1111.", "card <CARD>."),
        ("3782-822463-10005 4111111111111111", "<CARD> <CARD>"),
        ("IBAN GB82 WEST 1234 5698 7654 32, please", "IBAN <IBAN>, please"),
        ("DE89370400440532013000", "<IBAN>"),
        ("AKIA" + "IOSFODNN7ABCDEFG" + " is it", "<SECRET> is it"),
        ("ghp_" + RANDOM + "abcdef", "<SECRET>"),
        ("xoxb-" + "123456789012-" + RANDOM, "<SECRET>"),
        ("Bearer " + JWT, "Bearer <SECRET>"),
        (f"a\n{KEY}\nb", "a\n<SECRET>\nb"),
        (f'api_key = "{RANDOM}"', 'api_key = "<SECRET>"'),
        (f"DB_PASSWORD: {RANDOM}\n", "DB_PASSWORD: <SECRET>\n"),
        ("é@x.org ü a@b.de ß", "é@x.org ü <EMAIL> ß"),
    ],
)
def test_personal_data_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert masked(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "icon@2x.png getty@tty1.service @name a@b foo@bar.",
        "version 2.6.38.1, section 31.1.4.2, 1.2.3.4, v10.20.30.40, 1.2.3.4.5, 300.1.1.1",
        "std::vector<int>::iterator a::b::c 12:15:21 00:11:22:33:44:55",
        "10.0.0.1 192.168.1.1 127.0.0.1 fe80::1:2:3",
        "2019-07-17 12:15:21, 17.07.2019, 05/06/2019, ISBN 978-0-19-853453-1, 02111-1307, 054-28-6917",
        "1234567890 415 555 2671 1,234,567.89 3.14159265358979 0000 0000 1111",
        "8b 5d 08 01 00 00 89 44 001.002.003.004 x86-64-12345678",
        "4111111111111112 1234567812345678 41111111111111111111",
        "GB82WEST12345698765433 AB12 CD34 EF56 GH78",
        'password = "changeme" token = get_token(request) secret: your_secret_1234567890',
        "key: value tokens = 1234567890123 AKIAISNOTKEY ghp_short eyJhbGciOi",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert masked(text) == text


def test_places_and_counts_are_those_of_each_text() -> None:
    texts = Texts.of(["", "ä a@b.de 10.0.0.1", "none", "c@d.de, e@f.de"])
    found = find_pii(texts, KINDS)
    assert found.text.tolist() == [1, 1, 3, 3]
    whole = texts.data.tobytes()
    assert [whole[a:b] for a, b in zip(found.start, found.end, strict=True)] == [
        b"a@b.de",
        b"10.0.0.1",
        b"c@d.de",
        b"e@f.de",
    ]
    counts = count_pii(found, len(texts))
    assert counts["pii_email"].tolist() == [0, 1, 0, 2]
    assert counts["pii_private_ip"].tolist() == [0, 1, 0, 0]
    assert counts["pii_phone"].tolist() == [0, 0, 0, 0]
    assert mask_found(texts, found).strings() == ["", "ä <EMAIL> <IP>", "none", "<EMAIL>, <EMAIL>"]
    assert len(find_pii(texts, ["phone"])) == 0


def test_a_batch_may_be_cut_anywhere() -> None:
    strings = ["a@b.de 8.8.4.44", "call 555 1234", "", "x" * 5000 + " c@d.de", "5551234 home"] * 3
    together = count_pii(find_pii(Texts.of(strings)), len(strings))
    single = [count_pii(find_pii(Texts.of([each])), 1) for each in strings]
    for name, column in together.items():
        assert column.tolist() == [int(each[name][0]) for each in single]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("a@b.de ", 20_000),
        ("1 2 3 ", 0),
        ("12345678901", 0),
        ("eyJh-", 0),
        ("-----BEGIN ", 0),
        ("a@a.", 0),
        ("12:", 0),
    ],
)
def test_a_text_made_to_be_slow_is_read_all_the_same(part: str, found: int) -> None:
    assert len(find_pii(Texts.of([part * 20_000]))) == found


def test_a_view_into_a_larger_buffer_is_masked_alone() -> None:
    texts = Texts.of(["x@y.de", "a@b.de c"])
    view = Texts(texts.data, texts.offsets[1:])
    assert mask_found(view, find_pii(view)).strings()[-1:] == ["<EMAIL> c"]


@given(st.lists(st.text(alphabet="ab0123456789@.:-+() /=\"'é\nxeyJAKI_", max_size=80), max_size=6))
def test_masking_leaves_valid_text_and_nothing_to_mask(strings: list[str]) -> None:
    texts = Texts.of(strings)
    once = mask_found(texts, find_pii(texts, KINDS))
    assert len(once.strings()) == len(strings)
    assert np.all(np.diff(once.offsets) >= 0) and once.offsets[-1] == len(once.data)
    assert set(PLACEHOLDERS) == set(KINDS)
