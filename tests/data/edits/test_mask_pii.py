import numpy as np
import pytest
from pydantic import ValidationError

from ontogeny.data.edits.mask_pii import MATCH_COLUMNS, MaskPii, mask_pii
from ontogeny.data.pii.kinds import KINDS
from ontogeny.data.signals.group import Ragged
from ontogeny.data.texts import Texts


def test_texts_are_masked_and_counted() -> None:
    edited = mask_pii(
        Texts.of(["a@b.de and 8.8.8.8", "none"]), MaskPii(type="mask-pii", kinds=("email", "phone"))
    )
    assert edited.texts.strings() == ["<EMAIL> and 8.8.8.8", "none"]
    counts = {name: edited.columns[name] for name in edited.columns if name not in MATCH_COLUMNS}
    assert {name: np.asarray(column).tolist() for name, column in counts.items()} == {
        "masked_pii_email": [1, 0],
        "masked_pii_phone": [0, 0],
    }


def test_each_match_keeps_its_kind_and_place() -> None:
    texts = Texts.of(["none", "é a@b.de, call 555-123-4567 now", "", "mail c@d.com"])
    edited = mask_pii(texts, MaskPii(type="mask-pii"))
    kinds, starts, sizes = (edited.columns[name] for name in MATCH_COLUMNS)
    assert isinstance(kinds, Ragged) and isinstance(starts, Ragged) and isinstance(sizes, Ragged)
    assert kinds.offsets.tolist() == starts.offsets.tolist() == sizes.offsets.tolist() == [0, 0, 2, 2, 3]
    assert [KINDS[kind] for kind in kinds.values] == ["email", "phone", "email"]
    assert starts.values.tolist() == [3, 16, 5] and sizes.values.tolist() == [6, 12, 7]


def test_private_addresses_stay_unless_named() -> None:
    texts = Texts.of(["10.0.0.1"])
    assert mask_pii(texts, MaskPii(type="mask-pii")).texts.strings() == ["10.0.0.1"]
    assert mask_pii(texts, MaskPii(type="mask-pii", kinds=("private-ip",))).texts.strings() == ["<IP>"]


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValidationError, match="email"):
        MaskPii.model_validate({"type": "mask-pii", "kinds": ["name"]})
    with pytest.raises(ValidationError, match="at least 1"):
        MaskPii(type="mask-pii", kinds=())
