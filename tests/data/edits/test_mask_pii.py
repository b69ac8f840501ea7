import pytest
from pydantic import ValidationError

from ontogeny.data.edits.mask_pii import MaskPii, mask_pii
from ontogeny.data.texts import Texts


def test_texts_are_masked_and_counted() -> None:
    edited = mask_pii(
        Texts.of(["a@b.de and 8.8.8.8", "none"]), MaskPii(type="mask-pii", kinds=("email", "phone"))
    )
    assert edited.texts.strings() == ["<EMAIL> and 8.8.8.8", "none"]
    assert {name: column.tolist() for name, column in edited.columns.items()} == {
        "masked_pii_email": [1, 0],
        "masked_pii_phone": [0, 0],
    }


def test_private_addresses_stay_unless_named() -> None:
    texts = Texts.of(["10.0.0.1"])
    assert mask_pii(texts, MaskPii(type="mask-pii")).texts.strings() == ["10.0.0.1"]
    assert mask_pii(texts, MaskPii(type="mask-pii", kinds=("private-ip",))).texts.strings() == ["<IP>"]


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValidationError, match="email"):
        MaskPii.model_validate({"type": "mask-pii", "kinds": ["name"]})
    with pytest.raises(ValidationError, match="at least 1"):
        MaskPii(type="mask-pii", kinds=())
